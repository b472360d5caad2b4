import { availableParallelism } from 'node:os';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { startRun } from '../client/agent.ts';
import { list } from '../gate/audit.ts';
import { ofPeople, openStore, storeFile } from '../gate/audit-store.ts';
import { taskQueues } from '../workflows/contract.ts';
import { paceAt } from './pace.ts';
import { markdown, writeInto } from './page.ts';
import { setStand } from './stand.ts';
import { eachOf, until } from './waiting.ts';

// Ten agents with one account, of which the first, and before the others, asks for ten times as much. All of it waits in the Task
// Queue, then goes at an even pace; the audit says whose turn it was. `--short` asks for a fifth. Prints a table and one line of JSON;
// exits with 1 where one of the nine got less than 90 % of its fair share while it had work.

const isShort = process.argv.includes('--short');
const each = isShort ? 5 : 25;
const greedy = each * 10;
const aSecond = 5;
const goal = 0.9;

const names = Array.from({ length: 10 }, (_, index) => `agent-${index + 1}`);
const queue = taskQueues.rest('main');
const taskQueueType = proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY;

async function main(): Promise<void> {
  const grants = 'incidents: read\nincidents.add_note: full';
  const { client, simulator, home, agent, stop } = await setStand({
    agents: Object.fromEntries(names.map((name) => [name, grants])),
    flags: ['--rate-limit', '0'],
    // An operator's limit, which the pace-keeper leaves alone.
    prepare: (to) => paceAt(to, queue, 0),
  });
  try {
    const [incident = ''] = await simulator.open(1);
    const runs = names.flatMap((name, index) =>
      Array.from({ length: index === 0 ? greedy : each }, () => name),
    );
    await eachOf(runs, 10, (name) =>
      startRun(client, agent(name), 'runOperation', {
        account: 'main',
        operation: 'createIncidentNote',
        request: { params: { id: incident }, body: { note: { content: `Seen by ${name}.` } } },
      }),
    );
    await until(async () => (await waiting(client)) >= runs.length);
    await paceAt(client, queue, aSecond);
    const turns = await untilDone(home, runs.length);
    tell(turns);
  } finally {
    await stop();
  }
}

/** Whose write came when, in order. */
async function untilDone(home: string, count: number): Promise<readonly string[]> {
  const store = await openStore(storeFile(home), ofPeople);
  try {
    let turns: readonly string[] = [];
    await until(async () => {
      const records = await list(store, { decision: 'done', limit: 100_000 });
      turns = records
        .filter(({ operation }) => operation === 'createIncidentNote')
        .toSorted((a, b) => a.seq - b.seq)
        .map(({ agent }) => agent);
      return turns.length >= count;
    });
    return turns;
  } finally {
    await store.destroy();
  }
}

function tell(turns: readonly string[]): void {
  const rows = names.map((name, index) => {
    const asked = index === 0 ? greedy : each;
    // While an agent has work, ten have: the fair share is a tenth of the turns until its last.
    const last = turns.lastIndexOf(name) + 1;
    const share = index === 0 ? undefined : asked / (last / names.length);
    return { agent: name, asked, first: turns.indexOf(name) + 1, last, share };
  });
  const text = markdown(
    ['agent', 'asked for', 'first turn', 'last turn', '% of its fair share while it had work'],
    rows.map((row) => [
      row.agent,
      ...[row.asked, row.first, row.last].map(String),
      row.share === undefined ? '' : (row.share * 100).toFixed(0),
    ]),
  );
  const machine = { cores: availableParallelism(), node: process.version };
  process.stdout.write(`${text}\n\n${JSON.stringify({ machine, rows })}\n`);
  if (process.argv.includes('--write')) writeInto('figures.md', 'npm run bench:fairness -- --write', text);
  const wrong = rows.filter(({ share }) => share !== undefined && share < goal);
  for (const { agent, share = 0 } of wrong)
    process.stderr.write(`FAILED ${agent} got ${(share * 100).toFixed(0)} % of its fair share\n`);
  if (wrong.length > 0) process.exitCode = 1;
}

/** How many Activities wait in the queue. */
async function waiting({ workflowService, options: { namespace } }: Client): Promise<number> {
  const { stats } = await workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: queue },
    taskQueueType,
    reportStats: true,
  });
  return Number(stats?.approximateBacklogCount ?? 0);
}

await main();
