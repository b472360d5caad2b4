import { expect, test } from 'vitest';
import { startRun } from '../../client/agent.ts';
import { simulatorSecrets } from '../../client/local-world.ts';
import type { Incident } from '../../simulator/model.ts';
import type { RunResult } from '../../workflows/contract.ts';
import {
  type Fleet,
  type ReceiverName,
  receiverNames,
  startFleet,
  type WorkerName,
  workerNames,
} from '../support/fleet.ts';
import { byTest, joinAudit } from '../support/join.ts';
import { childrenOf } from '../support/postgres.ts';
import { randomOf } from '../support/random.ts';
import { until } from '../support/until.ts';
import { campaign, tell } from './campaign.ts';

// Three Workers and two receivers on one Temporal server and one PostgreSQL. Agents write notes, monitoring opens incidents whose
// webhooks start runs, people resolve some of them; meanwhile each process is stopped and started, and some are killed.

/** How long a run holds an incident until it gives it back. */
const leaseSeconds = 6;

/** A round restarts every Worker and every receiver, kills one of each, and goes on when the load has. */
const rounds = campaign.isShort ? 1 : 4;

/** Agents that write, and sources of incidents, at a time. */
const atOnce = campaign.isShort ? { agents: 3, sources: 4 } : { agents: 6, sources: 8 };

/** How long a webhook may take to start its run, on however busy a machine. */
const patienceMs = 120_000;

const random = randomOf(campaign.seed);
const shuffled = <T>(of: readonly T[]): readonly T[] =>
  of
    .map((one) => ({ one, at: random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ one }) => one);

/** What was asked for, and what came of it. */
interface Load {
  /** Incident that the agents write on. */
  readonly board: string;
  /** Each note, and the run that writes it. */
  readonly notes: Map<string, string>;
  /** Ids of the incidents that monitoring opened. */
  readonly opened: string[];
  /** Those of them that a person resolved while a run held them. */
  readonly takenByPeople: Set<string>;
  /** How many of each have ended. */
  readonly ended: { notes: number; responses: number };
  /** What did not come about, a sentence each. */
  readonly lost: string[];
}

const nothingYet = (board: string): Load => ({
  board,
  notes: new Map(),
  opened: [board],
  takenByPeople: new Set(),
  ended: { notes: 0, responses: 0 },
  lost: [],
});

/** Starts agents and sources, which go on until they are told to end. */
function load(fleet: Fleet, board: string): { readonly load: Load; readonly end: () => Promise<void> } {
  const made = nothingYet(board);
  let isOver = false;
  const agents = Array.from({ length: atOnce.agents }, async (_, agent) => {
    for (let index = 0; !isOver; index += 1) {
      const note = `Note ${index} of agent ${agent}.`;
      const run = await startNote(fleet, made, note);
      const { outcome, summary } = await run.result();
      if (outcome !== 'done') made.lost.push(`the run of ${note} ended ${outcome}: ${summary}`);
      made.ended.notes += 1;
    }
  });
  const sources = Array.from({ length: atOnce.sources }, async (_, source) => {
    for (let index = 0; !isOver; index += 1) await respond(fleet, made, `${source}-${index}`);
  });
  return {
    load: made,
    end: async () => {
      isOver = true;
      await Promise.all([...agents, ...sources]);
    },
  };
}

async function startNote({ client, agent }: Fleet, { board, notes }: Load, note: string) {
  const input = { account: 'main', incident: board, note };
  const run = await startRun(client, agent, 'addNote', input, { key: note });
  notes.set(note, run.workflowId);
  return run;
}

/** Opens an incident as monitoring does, and waits until the run that its webhook starts has ended. */
async function respond(fleet: Fleet, made: Load, key: string, withinMs = patienceMs): Promise<void> {
  const incident = await trigger(fleet, key);
  made.opened.push(incident.id);
  const handle = fleet.client.workflow.getHandle(`respond:main:${incident.id}`);
  const came = await until(
    'its run has begun',
    () => handle.describe().then(Boolean, () => false),
    withinMs,
  ).then(
    () => true,
    () => false,
  );
  if (!came) {
    made.lost.push(`nothing was started for ${incident.id}, which its webhook told of`);
    return;
  }
  // Every third is resolved by a person while it is held.
  if (made.opened.length % 3 === 0) {
    const isHeld = (): boolean => incident.acknowledgements.some(({ by }) => by.id === 'PBOT');
    const isOver = (): boolean => incident.log.some(({ type }) => type !== 'trigger' && type !== 'assign');
    await until('it is held', () => isHeld() || isOver());
    if (isHeld() && (await resolveAsPerson(fleet, incident.id))) made.takenByPeople.add(incident.id);
  }
  const result = (await handle.result().catch((error: unknown) => String(error))) as RunResult | string;
  if (typeof result === 'string') made.lost.push(`the run of ${incident.id} failed: ${result}`);
  made.ended.responses += 1;
}

async function trigger({ simulator }: Fleet, key: string): Promise<Incident> {
  const answer = await fetch(`${simulator.url}/v2/enqueue`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...byTest },
    body: JSON.stringify({
      routing_key: simulatorSecrets.CHECKOUT_ROUTING_KEY,
      event_action: 'trigger',
      dedup_key: key,
      payload: { summary: `job ${key} hangs`, source: 'campaign', severity: 'critical' },
    }),
  });
  const [incident] = simulator.world.incidentIndex.byKey(key);
  if (!answer.ok || !incident) throw new Error(`The simulator opened no incident: ${await answer.text()}`);
  return incident;
}

/** Whether it was a person who resolved it: the run may have been faster, or have given it back meanwhile. */
async function resolveAsPerson({ simulator }: Fleet, id: string): Promise<boolean> {
  const answer = await fetch(`${simulator.url}/incidents/${id}`, {
    method: 'PUT',
    headers: {
      accept: 'application/vnd.pagerduty+json;version=2',
      authorization: `Token token=${simulatorSecrets.PAGERDUTY_API_TOKEN}`,
      'content-type': 'application/json',
      from: 'ada@example.com',
      ...byTest,
    },
    body: JSON.stringify({ incident: { type: 'incident_reference', status: 'resolved' } }),
  });
  await answer.text();
  return answer.ok;
}

/** Waits until the load has gone on by some. */
function goesOn({ ended }: Load): Promise<unknown> {
  const { notes, responses } = ended;
  return until(
    'the others go on',
    () => ended.notes >= notes + 6 && ended.responses >= responses + 2,
    300_000,
  );
}

/** The processes that have a note of the load under way. */
async function noting({ client }: Fleet, { notes }: Load): Promise<readonly number[]> {
  const described = await Promise.all(
    [...notes.values()].slice(-atOnce.agents).map((id) => client.workflow.getHandle(id).describe()),
  );
  return described.flatMap(({ raw }) =>
    (raw.pendingActivities ?? []).flatMap(({ activityType, lastWorkerIdentity }) =>
      activityType?.name === 'createIncidentNote' ? [Number.parseInt(lastWorkerIdentity ?? '', 10)] : [],
    ),
  );
}

/** What was done to the fleet. */
interface Strikes {
  workersRestarted: number;
  workersKilled: number;
  receiversRestarted: number;
  receiversKilled: number;
}

/** Kills a Worker while it writes: what it has under way is done, and it never hears of it. */
async function killWorker(fleet: Fleet, made: Load, name: WorkerName): Promise<void> {
  const { pid = 0 } = fleet.workers.get(name) ?? {};
  await control(fleet, 'POST', '/faults', {
    operation: 'createIncidentNote',
    kind: 'delay',
    delay_ms: 2_000,
  });
  const [own] = childrenOf(pid);
  await fleet.away(async () => {
    await until(
      'it has a note under way',
      async () => own !== undefined && (await noting(fleet, made)).includes(own),
    );
    await fleet.end(name, 'SIGKILL');
    await control(fleet, 'DELETE', '/faults');
  });
}

async function control({ simulator }: Fleet, method: string, path: string, body?: unknown): Promise<void> {
  const answer = await fetch(`${simulator.url}/_simulator${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

/** Ends every Worker and receiver, one after the other, in any order, and starts it again; one of each is killed. */
async function roll(fleet: Fleet, made: Load, strikes: Strikes): Promise<void> {
  const killed = shuffled(workerNames)[0];
  for (const name of shuffled(workerNames)) {
    if (name === killed) {
      await killWorker(fleet, made, name);
      strikes.workersKilled += 1;
    } else {
      expect(await fleet.end(name, 'SIGTERM'), `Worker ${name}`).toMatchObject({ code: 0 });
      strikes.workersRestarted += 1;
    }
    await goesOn(made);
    await fleet.startWorker(name);
  }
  const lost = shuffled(receiverNames)[0];
  for (const name of shuffled(receiverNames)) {
    await endReceiver(fleet, made, name, name === lost ? 'SIGKILL' : 'SIGTERM');
    strikes[name === lost ? 'receiversKilled' : 'receiversRestarted'] += 1;
  }
}

async function endReceiver(
  fleet: Fleet,
  made: Load,
  name: ReceiverName,
  how: 'SIGTERM' | 'SIGKILL',
): Promise<void> {
  const { counts } = fleet.balancer;
  if (how === 'SIGKILL')
    await until('it has a delivery under way', () => fleet.balancer.underWay(fleet.portOf(name)) > 0);
  const ended = await fleet.end(name, how);
  if (how === 'SIGTERM') expect(ended, `receiver ${name}`).toMatchObject({ code: 0 });
  const { passedOn } = counts;
  await until('the other gets what was meant for it', () => counts.passedOn > passedOn);
  await goesOn(made);
  await fleet.startReceiver(name);
}

/** Kills both receivers at once: PagerDuty hears that nobody took it, and tries again. */
async function killReceivers(fleet: Fleet, made: Load, strikes: Strikes): Promise<void> {
  const { counts } = fleet.balancer;
  await Promise.all(receiverNames.map((name) => fleet.end(name, 'SIGKILL')));
  strikes.receiversKilled += receiverNames.length;
  const { refused } = counts;
  await until('PagerDuty hears that nobody took it', () => counts.refused > refused);
  await Promise.all(receiverNames.map((name) => fleet.startReceiver(name)));
  await goesOn(made);
}

/** Ends PostgreSQL as a crash does, and starts it once a step has failed for want of it. */
async function crashDatabase(fleet: Fleet, made: Load): Promise<void> {
  await fleet.away(async () => {
    await fleet.postgres.end('immediate');
    await until('a step has found it away', async () => {
      const described = await Promise.all(
        [...made.notes.values()]
          .slice(-atOnce.agents)
          .map((id) => fleet.client.workflow.getHandle(id).describe()),
      );
      return described.some(({ raw }) =>
        raw.pendingActivities?.some(
          ({ lastFailure }) => lastFailure?.applicationFailureInfo?.type === 'AuditAway',
        ),
      );
    });
    await fleet.postgres.start();
  });
  await goesOn(made);
}

/** Everything that can be seen to be wrong once all has come to rest. */
async function faultsOf(fleet: Fleet, made: Load): Promise<readonly string[]> {
  const faults = [...made.lost];
  const { world } = fleet.simulator;
  const words = world.notes(made.board).map((text) => text.split('\n')[0] ?? '');
  for (const note of made.notes.keys()) {
    const times = words.filter((one) => one === note).length;
    if (times === 0) faults.push(`lost: ${note}`);
    if (times > 1) faults.push(`doubled: ${note} stands ${times} times`);
  }
  for (const id of made.opened) faults.push(...incidentFaults(fleet, made, id));
  const runs: { workflowId: string; status: string }[] = [];
  for await (const { workflowId, status } of fleet.client.workflow.list())
    runs.push({ workflowId, status: status.name });
  for (const id of made.opened) {
    const of = runs.filter(({ workflowId }) => workflowId === `respond:main:${id}`);
    if (of.length !== 1) faults.push(`the webhook of ${id} came to ${of.length} runs`);
  }
  for (const { workflowId, status } of runs)
    if (status !== 'COMPLETED') faults.push(`${workflowId} is ${status.toLowerCase()}`);
  const [requests, records] = [fleet.requests(), await fleet.records()];
  faults.push(...joinAudit(requests, records, fleet.aways).faults);
  // A read may have had nobody left to write down that it was made; a write is never made without its entry, whatever befell then.
  const aways = fleet.aways.map((away) => ({ ...away, afterSeq: 0, untilSeq: 0 }));
  const unwritten = joinAudit(requests, records, aways).faults;
  faults.push(...unwritten.filter((fault) => /^(POST|PUT|DELETE) .* is listed by no record/.test(fault)));
  const verified = await fleet.oncall('audit', 'verify');
  if (verified.code !== 0) faults.push(`the chain does not verify: ${verified.stdout}${verified.stderr}`);
  return faults;
}

/** What of an incident that a run held is not as it should be. */
function incidentFaults({ simulator }: Fleet, { takenByPeople }: Load, id: string): readonly string[] {
  const incident = simulator.world.incident(id);
  if (!incident) return [`${id} is gone`];
  const faults: string[] = [];
  const ours = incident.log.filter(({ cause }) => cause.agent.id === 'PBOT');
  const acknowledged = ours.filter(({ type }) => type === 'acknowledge').length;
  if (acknowledged !== 1) faults.push(`${id} was acknowledged by us ${acknowledged} times`);
  const marks = incident.notes.flatMap(({ content }) => /\[oncall-runner \w+\]/.exec(content)?.[0] ?? []);
  if (marks.length === 0) faults.push(`lost: no finding stands on ${id}`);
  if (new Set(marks).size < marks.length) faults.push(`doubled: ${id} has the notes ${marks.join(', ')}`);
  const isOurs = incident.acknowledgements.some(({ by }) => by.id === 'PBOT');
  if (incident.status !== 'resolved' && isOurs) faults.push(`${id} was never given back`);
  if (takenByPeople.has(id) && incident.status !== 'resolved')
    faults.push(`a person resolved ${id}, and it is ${incident.status}`);
  return faults;
}

/** Waits until nothing is under way any more; what never comes to rest is told by `faultsOf`. */
const atRest = ({ client }: Fleet): Promise<unknown> =>
  until('no run is under way', async () => {
    const { count } = await client.workflow.count("ExecutionStatus = 'Running'");
    return count === 0;
  }).catch(() => {});

test('what is stopped, started and killed under load loses nothing and does nothing twice', {
  timeout: 3_600_000,
}, async () => {
  const fleet = await startFleet(leaseSeconds);
  try {
    // All at once, on a database without a table.
    await Promise.all(workerNames.map((name) => fleet.startWorker(name)));
    await fleet.listen();
    await Promise.all(receiverNames.map((name) => fleet.startReceiver(name)));
    const board = await trigger(fleet, 'board');
    const underWay = load(fleet, board.id);
    const made = underWay.load;
    const strikes: Strikes = {
      workersRestarted: 0,
      workersKilled: 0,
      receiversRestarted: 0,
      receiversKilled: 0,
    };
    await goesOn(made);
    let crashes = 0;
    for (let round = 0; round < rounds; round += 1) {
      await roll(fleet, made, strikes);
      if (campaign.isShort) continue;
      await killReceivers(fleet, made, strikes);
      await crashDatabase(fleet, made);
      crashes += 1;
    }
    await underWay.end();
    await atRest(fleet);
    const faults = await faultsOf(fleet, made);
    const records = await fleet.records();
    const joined = joinAudit(fleet.requests(), records, fleet.aways);
    const kilobytes = (await fleet.storeBytes()) / records.length / 1_000;
    console.log(`The audit store takes ${kilobytes.toFixed(1)} kB for each of its records.`);
    const idle = tell('Rolling restart', {
      'Workers restarted': strikes.workersRestarted,
      'Workers killed': strikes.workersKilled,
      'receivers restarted': strikes.receiversRestarted,
      'receivers killed': strikes.receiversKilled,
      ...(!campaign.isShort && {
        'crashes of PostgreSQL': crashes,
        'told PagerDuty to try again': fleet.balancer.counts.refused,
      }),
      'webhooks delivered': fleet.balancer.counts.came,
      'passed on to the other receiver': fleet.balancer.counts.passedOn,
      'incidents with a run of their own': made.opened.length,
      'taken over by people': made.takenByPeople.size,
      'notes of agents': made.notes.size,
      requests: joined.requests,
      writes: joined.writes,
      'records of the audit': records.length,
      'steps tried again': new Set(
        records.flatMap(({ attempt, workflowId, step }) => (attempt > 1 ? [`${workflowId} ${step}`] : [])),
      ).size,
    });
    expect(faults.join('\n')).toBe('');
    expect(idle).toEqual([]);
  } finally {
    await fleet.close();
  }
});

test('the campaign turns red where a balancer swallows a webhook, a note stands twice, and a run stands still', {
  timeout: 600_000,
}, async () => {
  const fleet = await startFleet(leaseSeconds);
  try {
    await fleet.startWorker('a');
    await fleet.listen();
    await fleet.startReceiver('x');
    const board = await trigger(fleet, 'board');
    const made = nothingYet(board.id);
    expect(await (await startNote(fleet, made, 'Once.')).result()).toMatchObject({ outcome: 'done' });
    await atRest(fleet);
    expect(await faultsOf(fleet, made)).toEqual([]);

    fleet.balancer.swallows = true;
    await fleet.end('x', 'SIGKILL');
    await respond(fleet, made, 'swallowed', 3_000);
    await fleet.end('a', 'SIGTERM');
    await startNote(fleet, made, 'Never.');
    // As a Worker would that does not look before it sends again.
    const again = await fetch(`${fleet.simulator.url}/incidents/${board.id}/notes`, {
      method: 'POST',
      headers: {
        accept: 'application/vnd.pagerduty+json;version=2',
        authorization: `Token token=${simulatorSecrets.PAGERDUTY_API_TOKEN}`,
        'content-type': 'application/json',
        from: 'oncall-bot@example.com',
      },
      body: JSON.stringify({ note: { content: 'Once.' } }),
    });
    expect(again.ok).toBe(true);
    const faults = (await faultsOf(fleet, made)).join('\n');
    expect(faults).toMatch(/^nothing was started for \S+, which its webhook told of$/m);
    expect(faults).toMatch(/^lost: Never\.$/m);
    expect(faults).toMatch(/^doubled: Once\. stands 2 times$/m);
    expect(faults).toMatch(/^POST \/incidents\/\S+\/notes .* is listed by no record of the audit$/m);
    expect(faults).toMatch(/ is running$/m);
  } finally {
    await fleet.close();
  }
});
