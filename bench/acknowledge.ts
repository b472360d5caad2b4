import { availableParallelism } from 'node:os';
import type { Client } from '@temporalio/client';
import { Agent, request } from 'undici';
import { startRun } from '../client/agent.ts';
import { msOf, rowOf, table } from './measure.ts';
import { liftPace } from './pace.ts';
import { writeInto } from './page.ts';
import { type SimulatorPart, setStand } from './stand.ts';
import { eachOf, until } from './waiting.ts';

// One acknowledge through client, Workflow, gate, audit and HTTP, until PagerDuty has it, and right after it the same three requests
// in a row by plain undici on another incident: so both meet the same machine. Then where the time went, by the run's own history;
// and how many gated Activities a second the whole takes. `--short` takes a tenth of the turns. Prints a table and one line of JSON.

const isShort = process.argv.includes('--short');
const turns = isShort ? 10 : 100;
const agent = 'bench-bot';

const grants = `incidents: read
services: read
oncalls: read
incidents.acknowledge: { level: full, lease: 15m, when: { urgency: [high, low] } }`;

async function main(): Promise<void> {
  const {
    client,
    simulator,
    agent: identityOf,
    stop,
  } = await setStand({
    agents: { [agent]: grants },
    flags: ['--rate-limit', '0'],
    prepare: liftPace,
  });
  try {
    const identity = identityOf(agent);
    const incidents = [...(await simulator.open(turns * 2 + 10))];
    const next = (): string => incidents.shift() ?? '';
    const started = new Map<string, { readonly at: number; readonly workflowId: string }>();
    const acknowledge = async (): Promise<void> => {
      const incident = next();
      const at = Date.now();
      const run = await startRun(client, identity, 'acknowledgeIncident', { account: 'main', incident });
      started.set(incident, { at, workflowId: run.workflowId });
      await untilAcknowledged(simulator, incident);
    };
    const bare = bareOn(simulator.url);
    for (let turn = 0; turn < 5; turn += 1) {
      await acknowledge();
      await bare(next());
    }
    started.clear();
    const plain: number[] = [];
    for (let turn = 0; turn < turns; turn += 1) {
      await acknowledge();
      plain.push(await bare(next()));
    }
    const at = await acknowledgedAt(simulator);
    const whole = [...started].map(([incident, run]) => (at.get(incident) ?? Number.NaN) - run.at);
    const parts = await partsOf(
      client,
      [...started.values()].map(({ workflowId }) => workflowId),
    );
    const aSecond = await triagesPerSecond(client, identity, [...started.keys()]);
    const rows = [
      rowOf('acknowledge, from the call until PagerDuty has it', whole),
      rowOf('the same three requests in a row by undici', plain),
      ...Object.entries(parts).map(([what, ms]) => rowOf(`of it: ${what}`, ms)),
    ];
    const more = rows[0] && rows[1] ? { p50: rows[0].p50 - rows[1].p50, p99: rows[0].p99 - rows[1].p99 } : {};
    const sentence = `Gated Activities a second, all in one Worker: ${aSecond.toFixed(1)}.`;
    const machine = { cores: availableParallelism(), node: process.version };
    process.stdout.write(
      `${table(rows)}\n\n${sentence}\n\n${JSON.stringify({ machine, rows, more, aSecond })}\n`,
    );
    if (process.argv.includes('--write'))
      writeInto('figures.md', 'npm run bench:acknowledge -- --write', `${table(rows)}\n\n${sentence}`);
  } finally {
    await stop();
  }
}

/** What an acknowledge asks of PagerDuty, without anything around it. */
function bareOn(url: string): (incident: string) => Promise<number> {
  const dispatcher = new Agent();
  const headers = {
    accept: 'application/vnd.pagerduty+json;version=2',
    authorization: 'Token token=simulator-full-access-key',
    'content-type': 'application/json',
    // A person: what our own user acknowledges and no run holds, the sweep gives back to people within a minute.
    from: 'ada@example.com',
  };
  const ask = async (method: 'GET' | 'PUT', incident: string, body: string | null): Promise<void> => {
    const answer = await request(`${url}/incidents/${incident}`, { method, headers, body, dispatcher });
    await answer.body.dump();
    if (answer.statusCode !== 200) throw new Error(`${method} answered ${answer.statusCode}.`);
  };
  const body = JSON.stringify({ incident: { type: 'incident_reference', status: 'acknowledged' } });
  return async (incident) => {
    const began = performance.now();
    await ask('GET', incident, null);
    await ask('GET', incident, null);
    await ask('PUT', incident, body);
    return performance.now() - began;
  };
}

async function acknowledgedAt(simulator: SimulatorPart): Promise<ReadonlyMap<string, number>> {
  const puts = (await simulator.log()).filter(({ method, status }) => method === 'PUT' && status === 200);
  return new Map(puts.map(({ path, at }) => [path.replace('/incidents/', ''), at]));
}

/** Looks seldom, and so does not disturb what is measured: when it was acknowledged the log of the simulator tells. */
const untilAcknowledged = (simulator: SimulatorPart, incident: string): Promise<void> =>
  until(async () => (await acknowledgedAt(simulator)).has(incident), { everyMs: 400, withinMs: 60_000 });

/** By the times of the run's events: what passed before each Activity began, and what each took. */
async function partsOf(
  client: Client,
  runs: readonly string[],
): Promise<Readonly<Record<string, readonly number[]>>> {
  const parts: Record<string, number[]> = {};
  const add = (what: string, from: number | undefined, to: number | undefined): void => {
    if (from !== undefined && to !== undefined) (parts[what] ??= []).push(to - from);
  };
  for (const run of runs) {
    const { events } = await client.workflow.getHandle(run).fetchHistory();
    const all = (events ?? []).map((event) => ({
      ...event,
      ms: msOf(event.eventTime),
    }));
    const scheduled = all.filter(({ activityTaskScheduledEventAttributes: one }) => one);
    let before = all[0]?.ms;
    for (const [index, { eventId, ms }] of scheduled.slice(0, 2).entries()) {
      const began = all.find(
        (one) => String(one.activityTaskStartedEventAttributes?.scheduledEventId) === String(eventId),
      );
      const ended = all.find(
        (one) => String(one.activityTaskCompletedEventAttributes?.scheduledEventId) === String(eventId),
      );
      const what = index === 0 ? 'read' : 'acknowledge';
      add(`the Workflow, up to its ${what}`, before, ms);
      add(`the Task Queue, for its ${what}`, ms, began?.ms);
      add(`the Activity of its ${what}: origin, gate, audit, PagerDuty`, began?.ms, ended?.ms);
      before = ended?.ms;
    }
  }
  return parts;
}

/** Triages at once, each of six reads that the gate decides on. */
async function triagesPerSecond(
  client: Client,
  identity: Parameters<typeof startRun>[1],
  incidents: readonly string[],
): Promise<number> {
  let activities = 0;
  const began = performance.now();
  await eachOf(incidents, 20, async (incident) => {
    const run = await startRun(client, identity, 'triageIncident', { account: 'main', incident });
    await run.result();
    const { events } = await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory();
    activities += (events ?? []).filter((event) => event.activityTaskCompletedEventAttributes).length;
  });
  return (activities * 1_000) / (performance.now() - began);
}

await main();
