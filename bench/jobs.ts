import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startRun } from '../client/agent.ts';
import { childEnvironment } from '../client/config.ts';
import { checkout, markdown, writeInto } from './page.ts';
import { type Logged, mostInAMinute, type SimulatorPart, setStand, startSimulatorPart } from './stand.ts';
import { eachOf, until } from './waiting.ts';

// Jobs of reads against a PagerDuty that refuses what is over 960 a minute, side by side with PagerDuty's own clients and plain
// undici, each on a simulator of its own, all at the same time. Meanwhile something urgent is acknowledged every ten seconds.
// `--short`: 200 reads, by a fixed window. `--reads 200,2400` and `--ways token-bucket` take some of it; `--limit 240` has PagerDuty
// give less a minute, for a machine that is too busy to come near 960. Prints a table and one line of JSON; exits with 1 where one of
// our requests was refused, or a read failed.

const argument = (name: string): readonly string[] | undefined => {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1]?.split(',');
};
const isShort = process.argv.includes('--short');
const sizes = (argument('--reads') ?? (isShort ? ['200'] : ['200', '2400', '5000'])).map(Number);
const ways =
  argument('--ways') ?? (isShort ? ['fixed-window'] : ['fixed-window', 'sliding-window', 'token-bucket']);

const limit = argument('--limit')?.[0] ?? '960';
const limited = (way: string): readonly string[] => ['--rate-algorithm', way, '--rate-limit', limit];

const agent = 'bench-bot';
const urgentEveryMs = 10_000;
const mostUrgent = 80;
/** After this a job is given up. */
const limitMs = 900_000;
/** Runs of ours under way at a time: their reads wait in the Task Queue, none for longer than it is worth doing. */
const atOnce = 200;

const run = promisify(execFile);

interface Row {
  readonly who: string;
  readonly way: string;
  readonly reads: number;
  readonly seconds: number;
  readonly refused: number;
  readonly mostInAMinute: number;
  readonly urgent: number;
  readonly urgentP50Ms: number;
  readonly urgentMaxMs: number;
  readonly urgentFailed: number;
  readonly readsFailed: number;
}

/** What a job says of itself. */
interface Said {
  readonly seconds: number;
  readonly urgentMs: readonly number[];
  readonly urgentFailed: number;
  readonly readsFailed: number;
}

const isRest = ({ path }: Logged): boolean => !path.startsWith('/_simulator') && !path.startsWith('/v2/');

function rowOf(who: string, way: string, reads: number, said: Said, log: readonly Logged[]): Row {
  const rest = log.filter(isRest);
  const sorted = said.urgentMs.toSorted((a, b) => a - b);
  const taken = rest.filter(({ status }) => status !== 429).map(({ at }) => at);
  return {
    who,
    way,
    reads,
    seconds: Number(said.seconds.toFixed(1)),
    refused: rest.filter(({ status }) => status === 429).length,
    mostInAMinute: mostInAMinute(taken),
    urgent: sorted.length,
    urgentP50Ms: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    urgentMaxMs: Math.round(sorted.at(-1) ?? 0),
    urgentFailed: said.urgentFailed,
    readsFailed: said.readsFailed,
  };
}

async function peer(who: string, program: readonly string[], way: string, reads: number): Promise<Row> {
  const simulator = await startSimulatorPart([...limited(way), '--tls']);
  const folder = mkdtempSync(join(tmpdir(), 'oncall-peer-'));
  try {
    const trusted = join(folder, 'certificate.pem');
    writeFileSync(trusted, simulator.certificate);
    const incidents = await simulator.open(mostUrgent);
    const job = join(folder, 'job.json');
    writeFileSync(
      job,
      JSON.stringify({ url: simulator.url, reads, incidents, everyMs: urgentEveryMs, limitMs }),
    );
    const [command = '', ...args] = program;
    // Not from the checkout, whose folder `pagerduty` Python would take for the client.
    const certificates = { NODE_EXTRA_CA_CERTS: trusted, SSL_CERT_FILE: trusted };
    const { ONCALL_PYTHON_PAGERDUTY: installed = '' } = childEnvironment({});
    const env = childEnvironment({ ...certificates, PYTHONPATH: installed });
    const { stdout } = await run(command, [...args, job], { env, cwd: folder, maxBuffer: 2 ** 26 });
    return rowOf(who, way, reads, JSON.parse(stdout) as Said, await simulator.log());
  } finally {
    await simulator.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ours(way: string, reads: number): Promise<Row> {
  const grants =
    'incidents: read\nincidents.acknowledge: { level: full, lease: 15m, when: { urgency: [high, low] } }';
  const {
    client,
    simulator,
    agent: identityOf,
    stop,
  } = await setStand({
    agents: { [agent]: grants },
    flags: limited(way),
  });
  try {
    const identity = identityOf(agent);
    const [subject = '', ...toAcknowledge] = await simulator.open(mostUrgent);
    const read = async (incident: string): Promise<void> => {
      const request = { params: { id: incident } };
      const input = { account: 'main', operation: 'getIncident', request } as const;
      const { outcome } = await (await startRun(client, identity, 'runOperation', input)).result();
      if (outcome !== 'done') readsFailed += 1;
    };
    let readsFailed = 0;
    // As after some minutes of ordinary work: what a process does once is done.
    await acknowledgeOne(toAcknowledge.pop() ?? '');
    await eachOf(
      Array.from({ length: 20 }, () => subject),
      10,
      read,
    );
    await sleep(65_000);
    const first = (await simulator.log()).length;
    const began = Date.now();
    let isOver = false;
    const started = new Map<string, number>();
    const urgent = (async () => {
      for (let turn = 0; !isOver && turn < toAcknowledge.length; turn += 1) {
        const due = began + 200 + turn * urgentEveryMs;
        while (!isOver && Date.now() < due) await sleep(20);
        const incident = toAcknowledge[turn];
        if (isOver || incident === undefined) break;
        started.set(incident, Date.now());
        await startRun(client, identity, 'acknowledgeIncident', { account: 'main', incident });
      }
    })();
    await eachOf(
      Array.from({ length: reads }, () => subject),
      atOnce,
      read,
    );
    isOver = true;
    await urgent;
    await until(async () => (await acknowledged(simulator, started)).size === started.size, withinAMinute);
    const log = (await simulator.log()).slice(first);
    const lastRead = log.findLast(({ method, path }) => method === 'GET' && path === `/incidents/${subject}`);
    const done = await acknowledged(simulator, started);
    const urgentMs = [...started].map(([incident, at]) => (done.get(incident) ?? Number.NaN) - at);
    const seconds = ((lastRead?.at ?? began) - began) / 1_000;
    const row = rowOf('oncall-runner', way, reads, { seconds, urgentMs, urgentFailed: 0, readsFailed }, log);
    process.stderr.write(`${JSON.stringify(row)}\n`);
    return row;

    async function acknowledgeOne(incident: string): Promise<void> {
      await startRun(client, identity, 'acknowledgeIncident', { account: 'main', incident });
      await until(
        async () => (await acknowledged(simulator, new Map([[incident, 0]]))).size === 1,
        withinAMinute,
      );
    }
  } finally {
    await stop();
  }
}

/** When each was acknowledged, by the log of PagerDuty. */
async function acknowledged(
  simulator: SimulatorPart,
  started: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  const done = new Map<string, number>();
  for (const { method, path, status, at } of await simulator.log()) {
    const [, incident = ''] = /^\/incidents\/(\w+)$/.exec(path) ?? [];
    if (method === 'PUT' && status === 200 && started.has(incident) && !done.has(incident))
      done.set(incident, at);
  }
  return done;
}

const withinAMinute = { everyMs: 100, withinMs: 60_000 };

const peersIn = join(checkout, 'bench', 'peers');

async function main(): Promise<void> {
  const rows: Row[] = [];
  for (const way of ways)
    for (const reads of sizes) {
      const side = await Promise.all([
        ours(way, reads),
        peer('pdjs', [process.execPath, join(peersIn, 'pdjs.mjs')], way, reads),
        peer('pagerduty (Python)', ['python3', join(peersIn, 'pagerduty_client.py')], way, reads),
        peer('undici RetryAgent', [process.execPath, join(peersIn, 'undici.mjs')], way, reads),
      ]);
      rows.push(...side);
      process.stderr.write(`${side.map((row) => JSON.stringify(row)).join('\n')}\n`);
    }
  const text = tableOf(rows);
  const machine = { cores: availableParallelism(), node: process.version };
  process.stdout.write(`${text}\n\n${JSON.stringify({ machine, rows })}\n`);
  if (process.argv.includes('--write')) writeInto('figures.md', 'npm run bench:jobs -- --write', text);
  const wrong = rows.filter(
    ({ who, refused, readsFailed }) => who === 'oncall-runner' && refused + readsFailed > 0,
  );
  for (const { way, reads, refused, readsFailed } of wrong)
    process.stderr.write(`FAILED ${reads} reads, ${way}: ${refused} refused, ${readsFailed} not read\n`);
  if (wrong.length > 0) process.exitCode = 1;
}

const tableOf = (rows: readonly Row[]): string =>
  markdown(
    [
      'who',
      'counted by',
      'reads',
      'seconds',
      'refused',
      'most in any 60 s',
      'acknowledges',
      'p50 ms',
      'max ms',
      'acknowledges failed',
      'reads failed',
    ],
    rows.map((row) => [
      row.who,
      row.way,
      ...[
        row.reads,
        row.seconds,
        row.refused,
        row.mostInAMinute,
        row.urgent,
        row.urgentP50Ms,
        row.urgentMaxMs,
        row.urgentFailed,
        row.readsFailed,
      ].map(String),
    ]),
  );

await main();
