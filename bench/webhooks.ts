import { createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { clientSettings } from '../client/config.ts';
import { connectionTo } from '../client/connect.ts';
import { programs } from '../client/local.ts';
import { startTemporal } from '../client/local-temporal.ts';
import { simulatorSecrets } from '../client/local-world.ts';
import { freePorts } from '../client/ports.ts';
import { type Part, startPart } from '../client/processes.ts';
import { newKeyPair } from '../gate/statement.ts';
import { writeInto } from './page.ts';

// A storm of signed webhooks against the receiver as a process, with a real Temporal server: sent on schedule, whatever comes
// back. `--short` sends a tenth in a tenth of the time. Prints a table, then one line of JSON; exits with 1 where an answer took
// longer than PagerDuty waits (in full length: in CI the machine is anybody's), or what was taken is not acted upon.

/** How long PagerDuty waits for an answer, in milliseconds. */
const limitMs = 5_000;

/** Of each incident come its beginning and three events more. */
const types = ['incident.triggered', 'incident.acknowledged', 'incident.annotated', 'incident.resolved'];

const secret = randomUUID();
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

interface Answer {
  readonly status: number;
  /** From when it was due, in milliseconds. */
  readonly ms: number;
}

function deliver(url: string, body: string, due: number): Promise<Answer> {
  const signature = `v1=${createHmac('sha256', secret).update(body).digest('hex')}`;
  return new Promise((resolve) => {
    const end = (status: number): void => resolve({ status, ms: performance.now() - due });
    const headers = { 'x-pagerduty-signature': signature, 'content-type': 'application/json' };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume().on('end', () => end(response.statusCode ?? 0));
    });
    sent.on('error', () => end(0)).end(body);
  });
}

/** An event as PagerDuty writes it. */
function bodyOf(incident: string, type: string): string {
  const service = { id: 'PCHECKOUT', type: 'service_reference', summary: 'Checkout API' };
  const reference = {
    id: incident,
    type: 'incident_reference',
    summary: 'p99 latency above 2 s on checkout',
  };
  const data =
    type === 'incident.annotated'
      ? {
          id: `${incident}N`,
          type: 'incident_note',
          incident: reference,
          content: 'Looking.',
          trimmed: false,
        }
      : { ...reference, type: 'incident', title: reference.summary, urgency: 'high', service };
  const occurred_at = new Date().toISOString();
  const event = { id: randomUUID(), event_type: type, resource_type: 'incident', occurred_at, data };
  return JSON.stringify({ event: { ...event, agent: null, client: null } });
}

/** Sends everything at its time, and waits for every answer. */
async function storm(url: string, bodies: readonly string[], overMs: number): Promise<readonly Answer[]> {
  const answers: Promise<Answer>[] = [];
  const begin = performance.now();
  for (let next = 0; next < bodies.length; ) {
    const now = performance.now() - begin;
    for (; next < bodies.length && (next * overMs) / bodies.length <= now; next += 1)
      answers.push(deliver(url, bodies[next] ?? '', begin + (next * overMs) / bodies.length));
    await sleep(1);
  }
  return Promise.all(answers);
}

interface Figures {
  readonly what: string;
  readonly deliveries: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly overLimit: number;
  readonly asked: number;
  readonly otherwise: number;
  /** Seconds from the first delivery until every run that an order starts for them was there. */
  readonly runsAfterS: number;
  /** Runs that an order should have started by what was taken, and that there are. */
  readonly runs: readonly [wanted: number, found: number];
}

async function measure(what: string, withWorker: boolean, count: number, overMs: number): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-bench-'));
  const parts: Part[] = [];
  const [port = 0, uiPort = 0, simulatorPort = 0, webhooksPort = 0] = await freePorts(4);
  const server = await startTemporal(clientSettings(), { port, uiPort }, () => {});
  const connection = await connectionTo({ address: server.address }, 10_000);
  try {
    const { simulatorUrl, start } = await partsIn(folder, parts, server.address, simulatorPort);
    const incidents = await openIncidents(simulatorUrl, count / types.length);
    const work = (): Promise<Part> => start('Worker', programs.worker, [], /^working on /);
    if (withWorker) await work();
    const listening = ['webhooks', '--port', String(webhooksPort)];
    const receiver = await start('receiver', programs.oncall, listening, /^listening on /);
    const url = receiver.line.replace('listening on ', '');
    const bodies = types.flatMap((type) => incidents.map((incident) => bodyOf(incident, type)));
    // As after some minutes of ordinary work.
    for (let turn = 0; turn < 100; turn += 1)
      await deliver(url, bodyOf('PWARM', 'incident.acknowledged'), performance.now());
    const begin = performance.now();
    const answers = await storm(url, bodies, overMs);
    const seconds = (performance.now() - begin) / 1_000;
    const client = new Client({ connection });
    // The first of each incident's events is what the order is on.
    const wanted = answers.slice(0, incidents.length).filter(({ status }) => status === 202).length;
    if (!withWorker) await work();
    const found = await runsIn(client, wanted);
    const runsAfterS = Number(((performance.now() - begin) / 1_000).toFixed(1));
    return { ...figuresOf(what, answers, seconds), runs: [wanted, found], runsAfterS };
  } finally {
    for (const part of parts.toReversed()) await part.stop();
    await connection.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Start = (name: string, program: string, args: readonly string[], readyWhen: RegExp) => Promise<Part>;

/** The simulator, its configuration, and what starts the other parts. */
async function partsIn(
  folder: string,
  parts: Part[],
  address: string,
  simulatorPort: number,
): Promise<{ readonly simulatorUrl: string; readonly start: Start }> {
  const configFile = join(folder, 'oncall.yaml');
  const env = {
    ...simulatorSecrets,
    BENCH_SECRET: secret,
    TEMPORAL_ADDRESS: address,
    ONCALL_HOME: folder,
    ONCALL_CONFIG: configFile,
    LOG_LEVEL: 'error',
  };
  const start: Start = async (name, program, args, readyWhen) => {
    const command = process.execPath;
    const all = [program, ...args, '--exit-with-parent'];
    const part = await startPart({ name, command, args: all, env, readyWhen });
    parts.push(part);
    return part;
  };
  const flags = ['--port', String(simulatorPort), '--rate-limit', '0'];
  const simulator = await start('simulator', programs.simulator, flags, /^listening on /);
  const simulatorUrl = simulator.line.replace('listening on ', '');
  writeFileSync(
    configFile,
    `accounts:
  main:
    { region: custom, rest_url: "${simulatorUrl}", events_url: "${simulatorUrl}", token: env:PAGERDUTY_API_TOKEN,
      from: oncall-bot@example.com, webhook_secrets: [env:BENCH_SECRET] }
agents:
  bench-bot: { public_key: ${newKeyPair().publicKey}, grants: { incidents: read, services: read, oncalls: read } }
standing:
  bench: { on: incident.triggered, services: [PCHECKOUT], workflow: respondToIncident, agent: bench-bot, input: { assess: rules } }
`,
  );
  return { simulatorUrl, start };
}

async function openIncidents(url: string, count: number): Promise<readonly string[]> {
  const { CHECKOUT_ROUTING_KEY: routing_key } = simulatorSecrets;
  const payload = { summary: 'p99 latency above 2 s on checkout', source: 'bench', severity: 'critical' };
  for (let index = 0; index < count; index += 1) {
    const event = { routing_key, event_action: 'trigger', dedup_key: `bench-${index}`, payload };
    await fetch(`${url}/v2/enqueue`, { method: 'POST', body: JSON.stringify(event) });
  }
  const state = (await (await fetch(`${url}/_simulator/state`)).json()) as { incidents: { id: string }[] };
  return state.incidents.slice(-count).map(({ id }) => id);
}

/** How many runs there are of the order; what is listed comes a moment after what is. */
async function runsIn(client: Client, wanted: number): Promise<number> {
  for (let tries = 0; ; tries += 1) {
    const { count } = await client.workflow.count("WorkflowType = 'respondToIncident'");
    if (count >= wanted || tries > 3_000) return count;
    await sleep(100);
  }
}

function figuresOf(
  what: string,
  answers: readonly Answer[],
  seconds: number,
): Omit<Figures, 'runs' | 'runsAfterS'> {
  const sorted = answers.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const at = (part: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
  const having = (status: number): number => answers.filter((answer) => answer.status === status).length;
  return {
    what,
    deliveries: answers.length,
    seconds: Number(seconds.toFixed(1)),
    eventsPerSecond: Math.round(having(202) / seconds),
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    overLimit: answers.filter(({ ms }) => ms > limitMs).length,
    asked: having(503),
    otherwise: answers.length - having(202) - having(503),
  };
}

const table = (rows: readonly Figures[]): string =>
  [
    '| storm | deliveries | taken a second | p50 ms | p99 ms | max ms | over 5 s | 503 | no 2xx or 503 | all runs after s |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...rows.map(
      ({ what, deliveries, eventsPerSecond, p50, p99, max, overLimit, asked, otherwise, runsAfterS }) =>
        `| ${[what, deliveries, eventsPerSecond, p50, p99, max, overLimit, asked, otherwise, runsAfterS].join(' | ')} |`,
    ),
  ].join('\n');

const isShort = process.argv.includes('--short');
const [count, overMs] = isShort ? [200, 1_000] : [2_000, 10_000];
const rows = [
  await measure('while no Worker runs', false, count, overMs),
  await measure('while a Worker does the runs', true, count, overMs),
];
agent.destroy();
const cores = availableParallelism();
const text = table(rows);
if (process.argv.includes('--write')) writeInto('figures.md', 'npm run bench:webhooks -- --write', text);
process.stdout.write(`${text}\n\n${JSON.stringify({ cores, node: process.version, overMs, rows })}\n`);
const isGood = rows.every(
  ({ overLimit, otherwise, runs: [wanted, found] }) =>
    (isShort || overLimit === 0) && otherwise === 0 && wanted > 0 && found === wanted,
);
process.exitCode = isGood ? 0 : 1;
