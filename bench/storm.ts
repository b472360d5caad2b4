import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { startRun } from '../client/agent.ts';
import { trigger } from '../simulator/alerts.ts';
import { Data } from '../simulator/data/format.ts';
import { type Simulator, startSimulator } from '../simulator/index.ts';
import { seedOf } from '../simulator/seed.ts';
import { seedData, seedIds } from '../simulator/seed-data.ts';
import type { StormInput } from '../workflows/reports.ts';
import { msOf } from './measure.ts';
import { markdown, writeInto } from './page.ts';
import { mostInAMinute, setStand } from './stand.ts';
import { until } from './waiting.ts';

// A storm: 2,000 incidents on nine services, every fifth of high urgency, against a PagerDuty that refuses what is over 960 a minute.
// `stormHandling` triages all of them, and notes those that stand for a cause, every one of high urgency, or all; meanwhile something
// urgent is acknowledged every two seconds. `--short`: 450 incidents, and not all noted. Prints a table and one line of JSON; exits with 1 where an incident was
// missed, one of low urgency was asked for before the last of high urgency was triaged and noted, or a request was refused.

const isShort = process.argv.includes('--short');
const size = isShort ? 450 : 2_000;
const ways: readonly NonNullable<StormInput['notes']>[] = isShort
  ? ['leads', 'high']
  : ['leads', 'high', 'all'];

const agent = 'storm-bot';
const grants = `incidents: read
services: read
oncalls: read
incidents.add_note: full
incidents.acknowledge: { level: full, lease: 15m, when: { urgency: [high, low] } }`;

/** Six reads each: the incident, its alerts, its notes, its service, who is on call, and what was like it. */
const readsEach = 6;
const urgentEveryMs = 2_000;
const mostUrgent = 600;

/** Beside the six services of the seed world. */
const others = ['Mail', 'Images', 'Login'].map((name, index) => ({
  id: `PSTORM${index + 1}`,
  name,
  escalation_policy: seedIds.policies.platform,
  acknowledgement_timeout: 1800,
  auto_resolve_timeout: null,
  integrations: [
    { id: `PSTORM${index + 1}EVENTS`, routing_key: `simulatorstorm${index + 1}routingkey`.padEnd(32, '0') },
  ],
}));

/** What breaks on each of them. */
const problems = ['p99 latency above limit', 'connection pool exhausted', 'queue is full', 'disk is full'];

interface Row {
  readonly notes: string;
  readonly incidents: number;
  readonly high: number;
  /** Seconds from the start. */
  readonly firstNote: number;
  readonly lastNoteOnHigh: number;
  readonly lastNote: number;
  readonly all: number;
  readonly noted: number;
  readonly requests: number;
  readonly requestsForTriage: number;
  readonly sixEach: number;
  readonly refused: number;
  readonly mostInAMinute: number;
  readonly urgent: number;
  readonly urgentP50Ms: number;
  readonly urgentMaxMs: number;
  readonly wrong: readonly string[];
}

async function measure(notes: (typeof ways)[number]): Promise<Row> {
  const seed = seedOf(Data.parse({ ...seedData, services: [...(seedData.services ?? []), ...others] }));
  const simulator = await startSimulator({ seed, rateLimit: 960 });
  const { toAcknowledge, storm } = openMany(simulator);
  const {
    client,
    agent: identityOf,
    stop,
  } = await setStand({
    agents: { [agent]: grants },
    simulator: { url: simulator.url, stop: simulator.close },
  });
  try {
    const identity = identityOf(agent);
    // As it is asked for it, not as it was when something happened last.
    const clock = (await (await fetch(`${simulator.url}/_simulator/clock`)).json()) as {
      readonly now: string;
    };
    const off = Date.now() - Date.parse(clock.now);
    const seen = () =>
      simulator.requests.since(0).map((request) => ({ ...request, at: Date.parse(request.at) + off }));
    // What a process does once is done, and its requests are forgotten.
    await startRun(client, identity, 'acknowledgeIncident', {
      account: 'main',
      incident: toAcknowledge.pop() ?? '',
    });
    await sleep(65_000);
    const first = seen().length;
    const began = Date.now();
    let isOver = false;
    const started = new Map<string, { readonly at: number; readonly run: string }>();
    const urgent = (async () => {
      while (!isOver && toAcknowledge.length > 0) {
        const incident = toAcknowledge.pop() ?? '';
        const at = Date.now();
        const { workflowId } = await startRun(client, identity, 'acknowledgeIncident', {
          account: 'main',
          incident,
        });
        started.set(incident, { at, run: workflowId });
        const due = at + urgentEveryMs;
        while (!isOver && Date.now() < due) await sleep(20);
      }
    })();
    const services = [...new Set(storm.map(({ serviceId }) => serviceId))];
    const input = { account: 'main', services, notes, watchSeconds: 0, resolve: 'none' } as const;
    const { outcome, summary, situation } = await (
      await startRun(client, identity, 'stormHandling', input)
    ).result();
    const all = (Date.now() - began) / 1_000;
    isOver = true;
    await urgent;
    const putsOn = (incident: string) =>
      seen().find(
        ({ method, path, status }) => method === 'PUT' && path === `/incidents/${incident}` && status === 200,
      );
    await until(() => [...started.keys()].every((incident) => putsOn(incident)), { withinMs: 60_000 });
    const took = [...started]
      .map(([incident, { at, run }]) => ({ run, at, ms: (putsOn(incident)?.at ?? Number.NaN) - at }))
      .toSorted((a, b) => a.ms - b.ms);
    const urgentMs = took.map(({ ms }) => ms);
    const slowest = took.at(-1);
    if (slowest && slowest.ms > 1_000) {
      const told = await eventsOf(client, slowest.run, slowest.at);
      process.stderr.write(`The slowest acknowledge, ${Math.round(slowest.ms)} ms: ${told}\n`);
    }

    const urgentIds = new Set(started.keys());
    const ofStorm = seen()
      .slice(first)
      .filter(({ path }) => !urgentIds.has(path.split('/')[2] ?? ''));
    const isNote = ({ method, path }: (typeof ofStorm)[number]): boolean =>
      method === 'POST' && path.endsWith('/notes');
    const isHigh = ({ path }: (typeof ofStorm)[number]): boolean =>
      simulator.world.incident(path.split('/')[2] ?? '')?.urgency === 'high';
    const written = ofStorm.filter((one) => isNote(one) && one.status !== null && one.status < 300);
    const firstLow = ofStorm.find(({ query }) => query['urgencies[]']?.includes('low'));
    const lastOnHigh = written.findLast(isHigh);
    const after = (one: { readonly at: number } | undefined): number =>
      ((one?.at ?? Number.NaN) - began) / 1_000;
    const high = storm.filter(({ urgency }) => urgency === 'high').length;
    const firstNote = written[0];
    const refused = ofStorm.filter(({ status }) => status === 429).length;
    const wrong = [
      ...(outcome === 'done' ? [] : [`it ended ${outcome}: ${summary}`]),
      ...(situation?.incidents === storm.length
        ? []
        : [`it saw ${situation?.incidents} of ${storm.length} incidents`]),
      ...(situation?.high === high ? [] : [`it saw ${situation?.high} of ${high} of high urgency`]),
      ...(firstLow && lastOnHigh && firstLow.at >= lastOnHigh.at
        ? []
        : ['one of low urgency was asked for too early']),
      ...(refused === 0 ? [] : [`${refused} requests were refused`]),
    ];
    return {
      notes,
      incidents: storm.length,
      high,
      firstNote: after(firstNote),
      lastNoteOnHigh: after(lastOnHigh),
      lastNote: after(written.at(-1)),
      all,
      noted: written.length,
      requests: ofStorm.length,
      requestsForTriage: ofStorm.filter(({ method }) => method === 'GET').length,
      sixEach: storm.length * readsEach,
      refused,
      mostInAMinute: mostInAMinute(
        seen()
          .slice(first)
          .map(({ at }) => at),
      ),
      urgent: urgentMs.length,
      urgentP50Ms: Math.round(urgentMs[Math.floor(urgentMs.length / 2)] ?? 0),
      urgentMaxMs: Math.round(urgentMs.at(-1) ?? 0),
      wrong,
    };
  } finally {
    await stop();
  }
}

/** What became of a run, each with the milliseconds since `from`. */
async function eventsOf(client: Client, run: string, from: number): Promise<string> {
  const { events } = await client.workflow.getHandle(run).fetchHistory();
  const types = proto.temporal.api.enums.v1.EventType;
  return (events ?? [])
    .map(
      ({ eventType, eventTime }) =>
        `${types[eventType ?? 0]?.replace('EVENT_TYPE_', '')} ${Math.round(msOf(eventTime) - from)}`,
    )
    .join(', ');
}

/** Opens the storm, on every service some of each problem, and beside it what is acknowledged meanwhile. */
function openMany({ world }: Simulator) {
  const keys = [
    ...Object.values(seedIds.routingKeys),
    ...others.map(({ integrations }) => integrations[0]?.routing_key ?? ''),
  ];
  const open = (routingKey: string, key: string, summary: string, urgency: 'high' | 'low') => {
    const integration = world.integrationOf(routingKey);
    if (!integration) throw new Error(`The world has no integration ${routingKey}.`);
    trigger(world, integration, { key, summary, severity: 'critical', details: {}, contexts: [] });
    const [incident] = world.incidentIndex.byKey(key);
    if (!incident) throw new Error(`Nobody is on call for ${routingKey}, or it grouped an alert.`);
    incident.urgency = urgency;
    return incident;
  };
  // Of long ago, so that it is no part of the storm.
  const toAcknowledge = Array.from({ length: mostUrgent }, (_, index) => {
    const incident = open(seedIds.routingKeys.checkout, `urgent-${index}`, `urgent ${index}`, 'high');
    Object.assign(incident, { createdAt: incident.createdAt - 3 * 3_600_000 });
    return incident.id;
  });
  const storm = Array.from({ length: size }, (_, index) => {
    if (index % 20 === 0) world.clock.advance(1);
    const key = keys[index % keys.length] ?? '';
    const problem = problems[Math.floor(index / keys.length) % problems.length] ?? '';
    return open(key, `storm-${index}`, `${problem}: ${index} of ${size}`, index % 5 === 0 ? 'high' : 'low');
  });
  return { toAcknowledge, storm };
}

async function main(): Promise<void> {
  const rows: Row[] = [];
  for (const notes of ways) {
    const row = await measure(notes);
    rows.push(row);
    process.stderr.write(`${JSON.stringify(row)}\n`);
  }
  const text = tableOf(rows);
  const machine = { cores: availableParallelism(), node: process.version };
  process.stdout.write(`${text}\n\n${JSON.stringify({ machine, rows })}\n`);
  if (process.argv.includes('--write')) writeInto('figures.md', 'npm run bench:storm -- --write', text);
  for (const { notes, wrong } of rows)
    for (const line of wrong) process.stderr.write(`FAILED ${notes}: ${line}\n`);
  if (rows.some(({ wrong }) => wrong.length > 0)) process.exitCode = 1;
}

const seconds = (value: number): string => value.toFixed(1);
const whole = (value: number): string => value.toLocaleString('en');

function tableOf(rows: readonly Row[]): string {
  const head = ['what', ...rows.map(({ notes }) => `notes on ${notes}`)];
  const line = (what: string, of: (row: Row) => string): readonly string[] => [what, ...rows.map(of)];
  return markdown(head, [
    line('incidents, of them of high urgency', (row) => `${whole(row.incidents)}, ${whole(row.high)}`),
    line('all of high urgency triaged, first note, s', (row) => seconds(row.firstNote)),
    line('last note on one of high urgency, s', (row) => seconds(row.lastNoteOnHigh)),
    line('last note, s', (row) => seconds(row.lastNote)),
    line('all triaged and told, s', (row) => seconds(row.all)),
    line('notes', (row) => whole(row.noted)),
    line('requests, of them reads', (row) => `${whole(row.requests)}, ${whole(row.requestsForTriage)}`),
    line('reads, had each been read six times', (row) => whole(row.sixEach)),
    line('refused', (row) => whole(row.refused)),
    line('most requests in any 60 s', (row) => whole(row.mostInAMinute)),
    line('acknowledges meanwhile', (row) => whole(row.urgent)),
    line('p50, max, ms', (row) => `${row.urgentP50Ms}, ${row.urgentMaxMs}`),
  ]);
}

await main();
