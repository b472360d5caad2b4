import { request } from 'node:http';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRun } from '../client/agent.ts';
import { markdown, writeInto } from './page.ts';
import { type Logged, mostInAMinute, setStand, startSimulatorPart } from './stand.ts';
import { eachOf } from './waiting.ts';

// Another program with the same key, which eats half of its budget: it starts, stops and starts again, while we have more to read
// than there is room for. Beside it the same program alone, with a key of its own. `--ways token-bucket` takes one way of counting,
// `--limit 240` has PagerDuty give less a minute, for a machine that is too busy to come near 960.
// Prints a table and one line of JSON; exits with 1 where one of our requests was refused after the other's first minute.

const argument = (name: string): string | undefined => {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
};
const ways = (argument('--ways') ?? 'fixed-window,sliding-window,token-bucket').split(',');
const limit = Number(argument('--limit') ?? '960');

/** Half of what there is. */
const aSecond = limit / 120;
/** When it begins and ends, in seconds from the beginning of our work. */
const stretches = [
  [30, 120],
  [180, 270],
] as const;
const seconds = 300;
const agent = 'bench-bot';
const atOnce = 100;
const by = { 'x-simulator-by': 'other' };

interface Row {
  readonly way: string;
  readonly ours: number;
  readonly refused: number;
  readonly refusedLater: number;
  /** Ours a minute: while it is there, and while it is not. */
  readonly beside: number;
  readonly without: number;
  readonly others: number;
  readonly othersRefused: number;
  readonly othersRefusedLater: number;
  readonly alone: number;
  readonly aloneRefused: number;
  readonly mostInAMinute: number;
}

type Seen = Logged & { readonly by?: string };

const isThere = (ms: number): boolean =>
  stretches.some(([from, to]) => ms >= from * 1_000 && ms < to * 1_000);

/** Asks evenly while it is there; what is refused it does not ask again. */
async function other(url: string, incident: string, began: number): Promise<void> {
  const headers = {
    ...by,
    accept: 'application/vnd.pagerduty+json;version=2',
    authorization: 'Token token=simulator-full-access-key',
  };
  for (const [from, to] of stretches) {
    for (let turn = 0; turn < (to - from) * aSecond; turn += 1) {
      const due = began + from * 1_000 + (turn * 1_000) / aSecond;
      if (due > Date.now()) await sleep(due - Date.now());
      request(`${url}/incidents/${incident}`, { headers }, (answer) => answer.resume())
        .on('error', () => {})
        .end();
    }
  }
}

async function measure(way: string): Promise<Row> {
  const flags = ['--rate-algorithm', way, '--rate-limit', String(limit)];
  const {
    client,
    simulator,
    agent: identityOf,
    stop,
  } = await setStand({
    agents: { [agent]: 'incidents: read' },
    flags,
  });
  const lonely = await startSimulatorPart(flags);
  try {
    const identity = identityOf(agent);
    const [incident = ''] = await simulator.open(1);
    const [alike = ''] = await lonely.open(1);
    const began = Date.now();
    const request = { params: { id: incident } };
    const input = { account: 'main', operation: 'getIncident', request } as const;
    const read = async (): Promise<void> => {
      while (Date.now() < began + seconds * 1_000) {
        await (await startRun(client, identity, 'runOperation', input)).result();
      }
    };
    await Promise.all([
      eachOf(
        Array.from({ length: atOnce }, () => undefined),
        atOnce,
        read,
      ),
      other(simulator.url, incident, began),
      other(lonely.url, alike, began),
    ]);
    const log = ((await simulator.log()) as readonly Seen[]).filter(({ path }) =>
      path.startsWith('/incidents/'),
    );
    const alone = (await lonely.log()).filter(({ path }) => path.startsWith('/incidents/'));
    return rowOf(way, log, alone, began);
  } finally {
    await lonely.stop();
    await stop();
  }
}

function rowOf(way: string, log: readonly Seen[], alone: readonly Logged[], began: number): Row {
  const isOver = ({ status }: Logged): boolean => status === 429;
  const ours = log.filter((one) => one.by === undefined && one.at - began < seconds * 1_000);
  const others = log.filter((one) => one.by !== undefined);
  const firstMinute = began + (stretches[0][0] + 60) * 1_000;
  const isLater = (one: Logged): boolean => one.at > firstMinute;
  const thereMs = stretches.reduce((sum, [from, to]) => sum + (to - from) * 1_000, 0);
  const beside = ours.filter((one) => isThere(one.at - began)).length;
  return {
    way,
    ours: ours.length,
    refused: ours.filter(isOver).length,
    refusedLater: ours.filter((one) => isOver(one) && isLater(one)).length,
    beside: Math.round((beside * 60_000) / thereMs),
    without: Math.round(((ours.length - beside) * 60_000) / (seconds * 1_000 - thereMs)),
    others: others.length,
    othersRefused: others.filter(isOver).length,
    othersRefusedLater: others.filter((one) => isOver(one) && isLater(one)).length,
    alone: alone.length,
    aloneRefused: alone.filter(isOver).length,
    mostInAMinute: mostInAMinute(log.filter((one) => !isOver(one)).map((one) => one.at)),
  };
}

async function main(): Promise<void> {
  const rows: Row[] = [];
  for (const way of ways) {
    rows.push(await measure(way));
    process.stderr.write(`${JSON.stringify(rows.at(-1))}\n`);
  }
  const text = markdown(
    [
      'counted by',
      'ours',
      'refused',
      'after its first minute',
      'ours a minute beside it',
      'without it',
      'its requests',
      'refused',
      'after its first minute',
      'alone: refused',
      'most in any 60 s',
    ],
    rows.map((row) => [
      row.way,
      ...[
        row.ours,
        row.refused,
        row.refusedLater,
        row.beside,
        row.without,
        row.others,
        row.othersRefused,
        row.othersRefusedLater,
        row.aloneRefused,
        row.mostInAMinute,
      ].map(String),
    ]),
  );
  const machine = { cores: availableParallelism(), node: process.version };
  process.stdout.write(`${text}\n\n${JSON.stringify({ machine, rows })}\n`);
  if (process.argv.includes('--write')) writeInto('figures.md', 'npm run bench:shared-key -- --write', text);
  const wrong = rows.filter(({ refusedLater }) => refusedLater > 0);
  for (const { way, refusedLater } of wrong)
    process.stderr.write(`FAILED ${way}: ${refusedLater} of ours were refused after the first minute\n`);
  if (wrong.length > 0) process.exitCode = 1;
}

await main();
