import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';

/** What a try of the server's Task Queues showed. */
export interface Tried {
  /** Whether agents take turns: whether a fairness key that comes late is served before the one that fills the queue. */
  readonly isFair: boolean;
  /** The server's clock as it took the first of them, milliseconds since 1970, and ours around that. */
  readonly server: number;
  readonly ours: readonly [before: number, after: number];
}

/**
 * How many runs of one key come before the few of the other, how many are taken then, and how many of those must be of the few. A
 * server without turns gives what waits in hardly any order: one time in a thousand it gives so many of the few by chance. With turns
 * every second one is of the few; less surely so where the queue has several partitions, each with turns of its own, so there is a
 * second try.
 */
const crowd = 80;
const few = 10;
const taken = 20;
const enough = 7;
const tries = 2;

/** How long one look into the queue may take: it holds something. */
const polledWithinMs = 5_000;

/**
 * Tries how the server orders what waits: fills a queue of its own that nobody serves, takes from it as a Worker would, and takes
 * all of it away again. No server says by itself whether it keeps fairness.
 */
export async function tryFairness(client: Client, now: () => number): Promise<Tried> {
  for (let left = tries; ; left -= 1) {
    const tried = await tryOnce(client, now);
    if (tried.isFair || left === 1) return tried;
  }
}

async function tryOnce(client: Client, now: () => number): Promise<Tried> {
  const id = `oncall-doctor-${randomUUID()}`;
  const { namespace } = client.options;
  const begin = (key: string, number: number) =>
    client.workflow.start('doctorTries', {
      workflowId: `${id}:${key}:${number}`,
      taskQueue: id,
      workflowExecutionTimeout: '1 minute',
      priority: { fairnessKey: key },
      staticSummary: '`oncall doctor` tries whether agents take turns; it takes this away again',
    });
  const handles: { readonly workflowId: string; readonly firstExecutionRunId: string }[] = [];
  const fill = async (key: string, count: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: count }, async (_, number) => void handles.push(await begin(key, number))),
    );
  };
  try {
    const before = now();
    const first = await begin('first', 0);
    const after = now();
    handles.push(first);
    const { startTime } = await first.describe();
    await fill('many', crowd);
    await fill('few', few);
    let seen = 0;
    for (let turn = 0; turn < taken && seen < enough; turn += 1) {
      const { workflowExecution } = await client.withDeadline(Date.now() + polledWithinMs, () =>
        client.workflowService.pollWorkflowTaskQueue({
          namespace,
          taskQueue: { name: id },
          identity: client.options.identity,
        }),
      );
      if (workflowExecution?.workflowId?.includes(':few:')) seen += 1;
    }
    return { isFair: seen >= enough, server: startTime.getTime(), ours: [before, after] };
  } finally {
    await Promise.all(
      handles.map(async ({ workflowId, firstExecutionRunId }) => {
        const execution = { workflowId, runId: firstExecutionRunId };
        await client.workflowService
          .deleteWorkflowExecution({ namespace, workflowExecution: execution })
          // Whoever may not delete leaves runs that end by themselves within the minute.
          .catch(() => {});
      }),
    );
  }
}
