import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { startRun } from '../client/agent.ts';
import { clientSettings } from '../client/config.ts';
import { connectionTo } from '../client/connect.ts';
import { type AgentIdentity, readAgent } from '../client/identity.ts';
import { startTemporal } from '../client/local-temporal.ts';
import { localWorld, simulatorSecrets } from '../client/local-world.ts';
import { freePorts } from '../client/ports.ts';
import { type Part, startPart } from '../client/processes.ts';
import { trigger } from '../simulator/alerts.ts';
import { type Simulator, startSimulator } from '../simulator/index.ts';
import { seedIds } from '../simulator/seed-data.ts';
import type { WorkflowName, Workflows } from '../workflows/contract.ts';
import { liftPace } from './pace.ts';
import { checkout, markdown, writeInto } from './page.ts';

// Many incidents: so many open ones listed to the end, and a fifth of them, which lie scattered among the others, resolved in bulk.
// A real Temporal server, a Worker as a process of its own, the simulator with its limits off. Prints a table and one line of JSON;
// exits with 1 where requests grow faster than incidents, or a history or the Worker's memory grows with them.

/** What one Workflow took. */
interface Taken {
  readonly requests: number;
  readonly seconds: number;
  readonly runs: number;
  /** Of the largest history. */
  readonly events: number;
  readonly bytes: number;
}

interface Row {
  readonly incidents: number;
  readonly listed: Taken;
  readonly resolved: Taken & { readonly count: number };
  /** Resident memory of the Worker, at most. */
  readonly peakMb: number;
}

const isShort = process.argv.includes('--short');
const sizes = isShort ? [1_000, 2_000] : [1_000, 2_500, 5_000, 10_000];

/** How much of what must be flat, or linear, may be chance. */
const tolerance = 1.5;

const { services, routingKeys } = seedIds;
const agent = 'bulk-bot';

async function main(): Promise<void> {
  const [port = 0, uiPort = 0] = await freePorts(2);
  const namespaces = sizes.map((size) => `bulk-${size}`);
  const settings = { port, uiPort, namespaces, exactTimers: true };
  const server = await startTemporal(clientSettings(), settings, () => {});
  const rows: Row[] = [];
  try {
    for (const size of sizes) rows.push(await measure(server.address, `bulk-${size}`, size));
  } finally {
    await server.stop();
  }
  const text = tableOf(rows);
  const machine = { cores: availableParallelism(), node: process.version };
  process.stdout.write(`${text}\n\n${JSON.stringify({ machine, rows })}\n`);
  if (process.argv.includes('--write')) writeInto('figures.md', 'npm run bench:bulk -- --write', text);
  const wrong = growing(rows);
  for (const line of wrong) process.stderr.write(`FAILED ${line}\n`);
  if (wrong.length > 0) process.exitCode = 1;
}

async function measure(address: string, namespace: string, size: number): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-bulk-'));
  const home = join(folder, 'home');
  mkdirSync(home);
  const simulator = await startSimulator({ rateLimit: 0, clockSpeed: 0 });
  const low = openMany(simulator, size);
  const grants = 'incidents: read\nincidents.resolve: full';
  const { configure, configFile, keyFileOf } = localWorld(folder, { [agent]: grants });
  configure(simulator.url);
  const connection = await connectionTo({ address }, 10_000);
  const client = new Client({ connection, namespace });
  await liftPace(client);
  const env = {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    ONCALL_HOME: home,
    ONCALL_CONFIG: configFile,
  };
  const worker = await startPart({
    name: 'Worker',
    command: process.execPath,
    args: [join(checkout, 'dist', 'worker', 'main.js'), '--exit-with-parent'],
    env: { ...simulatorSecrets, LOG_LEVEL: 'warn', ...env },
    readyWhen: /^working on /,
  });
  const memory = watchMemory(worker);
  const identity = readAgent(agent, keyFileOf(agent));
  try {
    const query = { 'service_ids[]': [services.checkout], 'statuses[]': ['triggered'], date_range: 'all' };
    const listed = await taken(client, simulator, identity, 'runOperation', {
      account: 'main',
      operation: 'listIncidents',
      request: { query },
      all: true,
    });
    const filter = { services: [services.checkout], urgency: 'low' } as const;
    const resolved = await taken(client, simulator, identity, 'resolveIncidents', {
      account: 'main',
      filter,
    });
    const done = [...simulator.world.incidents.values()].filter(
      ({ status, serviceId, urgency }) =>
        status === 'resolved' && serviceId === services.checkout && urgency === 'low',
    ).length;
    if (done < low) throw new Error(`${done} of ${low} incidents of low urgency were resolved.`);
    return { incidents: size, listed, resolved: { ...resolved, count: low }, peakMb: memory.peakMb() };
  } finally {
    memory.stop();
    await worker.stop();
    await connection.close();
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Opens incidents on one service, some a second, every fifth of low urgency. Gives how many these are. */
function openMany({ world }: Simulator, size: number): number {
  const integration = world.integrationOf(routingKeys.checkout);
  if (!integration) throw new Error('The seed world has lost an integration.');
  let low = 0;
  for (let index = 0; index < size; index += 1) {
    const key = `bulk-${index}`;
    const summary = `Disk of host-${index} is full: 0 MB left on /var`;
    trigger(world, integration, { key, summary, severity: 'critical', details: {}, contexts: [] });
    const [incident] = world.incidentIndex.byKey(key);
    if (!incident) throw new Error('Nobody is on call for checkout in the seed world.');
    if (index % 5 === 0) {
      incident.urgency = 'low';
      low += 1;
    }
    if (index % 4 === 3) world.clock.advance(1);
  }
  return low;
}

async function taken<Name extends WorkflowName>(
  client: Client,
  simulator: Simulator,
  identity: AgentIdentity,
  name: Name,
  input: Workflows[Name]['input'],
): Promise<Taken> {
  const before = simulator.requests.since(0).at(-1)?.seq ?? 0;
  const began = performance.now();
  const run = await startRun(client, identity, name, input);
  const { outcome, summary } = await run.result();
  const seconds = (performance.now() - began) / 1_000;
  if (outcome !== 'done') throw new Error(`${name} ended ${outcome}: ${summary}`);
  const requests = (simulator.requests.since(0).at(-1)?.seq ?? 0) - before;
  return { requests, seconds, ...(await largestHistory(client, run.workflowId)) };
}

/** The largest history of a run and its children. */
async function largestHistory(
  client: Client,
  root: string,
): Promise<Pick<Taken, 'runs' | 'events' | 'bytes'>> {
  const ids = [root, ...(await childrenOf(client, root))];
  const sizes = await Promise.all(
    ids.map(async (id) => {
      const { historyLength, historySize } = await client.workflow.getHandle(id).describe();
      return { events: historyLength, bytes: historySize ?? 0 };
    }),
  );
  return {
    runs: ids.length,
    events: Math.max(...sizes.map(({ events }) => events)),
    bytes: Math.max(...sizes.map(({ bytes }) => bytes)),
  };
}

async function childrenOf(client: Client, workflowId: string): Promise<readonly string[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(
    ({ childWorkflowExecutionStartedEventAttributes: child }) => child?.workflowExecution?.workflowId ?? [],
  );
}

/** Samples the resident memory of a process. */
function watchMemory({ pid }: Part): { readonly peakMb: () => number; readonly stop: () => void } {
  let peak = 0;
  const look = (): void => {
    const text = execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
    peak = Math.max(peak, Number(text) / 1_024);
  };
  const timer = setInterval(look, 250);
  return { peakMb: () => peak, stop: () => clearInterval(timer) };
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');

function tableOf(rows: readonly Row[]): string {
  const of = (
    size: number,
    { requests, seconds, runs, events, bytes }: Taken,
    peakMb: number,
  ): readonly string[] => [
    whole(size),
    whole(requests),
    ((requests / size) * 1_000).toFixed(0),
    seconds.toFixed(1),
    ((seconds / size) * 1_000).toFixed(1),
    whole(runs),
    whole(events),
    whole(bytes / 1_000),
    whole(peakMb),
  ];
  const head = [
    'requests',
    'a 1,000',
    'seconds',
    'a 1,000',
    'runs',
    'largest history, events',
    'kB',
    'Worker at most, MB',
  ];
  return [
    markdown(
      ['open incidents, listed to the end', ...head],
      rows.map(({ incidents, listed, peakMb }) => of(incidents, listed, peakMb)),
    ),
    markdown(
      ['incidents, resolved in bulk among five times as many', ...head],
      rows.map(({ resolved, peakMb }) => of(resolved.count, resolved, peakMb)),
    ),
  ].join('\n\n');
}

/**
 * What grows and must not, from the smallest size to the largest. The run that leads a bulk holds some events of each lot, and
 * takes 10,000 incidents at most, so that its history may grow with them.
 */
function growing(rows: readonly Row[]): readonly string[] {
  const [first, last] = [rows[0], rows.at(-1)];
  if (!first || !last) return ['nothing was measured'];
  const factor = last.incidents / first.incidents;
  const linear = (what: string, of: (row: Row) => number): readonly string[] =>
    of(last) > of(first) * factor * tolerance
      ? [`${what} grew ${(of(last) / of(first)).toFixed(1)} times with ${factor} times as many incidents`]
      : [];
  const flat = (what: string, of: (row: Row) => number): readonly string[] =>
    of(last) > of(first) * tolerance
      ? [`${what} grew from ${whole(of(first))} to ${whole(of(last))} with the incidents`]
      : [];
  return [
    ...linear('requests of the list', ({ listed }) => listed.requests),
    ...linear('requests of the bulk', ({ resolved }) => resolved.requests),
    ...linear('seconds of the list', ({ listed }) => listed.seconds),
    ...linear('seconds of the bulk', ({ resolved }) => resolved.seconds),
    ...flat('the largest history of the list, in bytes,', ({ listed }) => listed.bytes),
    ...linear('the largest history of the bulk, in events,', ({ resolved }) => resolved.events),
    ...linear('the largest history of the bulk, in bytes,', ({ resolved }) => resolved.bytes),
    ...flat('the memory of the Worker, in MB,', ({ peakMb }) => peakMb),
  ];
}

await main();
