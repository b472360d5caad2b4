import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { paceReason, sweepsOf, taskQueues, workflowTaskQueue } from '../../workflows/contract.ts';
import type { Finding } from './finding.ts';
import { rawSchedule } from './raw-schedule.ts';

const { TASK_QUEUE_TYPE_ACTIVITY: activities, TASK_QUEUE_TYPE_WORKFLOW: workflows } =
  proto.temporal.api.enums.v1.TaskQueueType;

/** Urgent Activities that must be able to start in a second, whoever sets the limit. */
const leastUrgent = 3;

/** After so long without a word in the store a Worker that Temporal still names is gone: it names one for minutes after it was killed. */
const goneAfterMs = 10_000;

/**
 * The Task Queues of runs and of each account: who polls them, how they are limited, and of how many parts they are.
 * @param sinceKeptMs how long ago the last Worker stopped keeping a pace in the store, where that is known.
 */
export async function lookAtQueues(
  client: Client,
  accounts: readonly string[],
  sinceKeptMs: number | undefined,
): Promise<readonly Finding[]> {
  const of = 'Task Queues';
  const runs = await describe(client, workflowTaskQueue, workflows);
  if (runs.pollers === 0)
    return [
      {
        of,
        what: `no Worker polls ${workflowTaskQueue}: runs wait, and nothing happens`,
        mend: 'oncall worker',
      },
    ];
  if (sinceKeptMs !== undefined && sinceKeptMs > goneAfterMs)
    return [
      {
        of,
        what: `a Worker polled ${workflowTaskQueue} lately, and none has been heard of in the store for ${Math.round(sinceKeptMs / 1_000)} s: it was killed, or works with another store`,
        mend: 'oncall worker, with the same ONCALL_HOME or DATABASE_URL',
      },
    ];
  const findings: Finding[] = [];
  for (const account of accounts) {
    const { rest, urgent, events } = taskQueues;
    const queues = [rest(account), urgent(account), events(account)];
    const seen = await Promise.all(queues.map((queue) => describe(client, queue, activities)));
    const unserved = queues.filter((_, index) => seen[index]?.pollers === 0);
    if (unserved.length > 0)
      findings.push({
        of,
        what: `a Worker runs, and does not serve ${unserved.join(', ')}`,
        mend: 'restart the Worker: it serves the accounts that the configuration had when it started',
      });
    for (const [index, queue] of queues.entries()) {
      const { rate, reason = '', partitions = 1 } = seen[index] ?? {};
      const least = queue === urgent(account) ? leastUrgent : Number.MIN_VALUE;
      if (rate !== undefined && rate < least && !reason.startsWith(paceReason))
        findings.push({
          of,
          what: `somebody has limited ${queue} to ${rate} starts a second (${reason || 'no reason was left'}), and the pace-keeper leaves that alone`,
          mend: `temporal task-queue config set --task-queue ${queue} --task-queue-type activity --queue-rps-limit default`,
        });
      if (partitions > 1)
        findings.push({
          of,
          what: `${queue} has ${partitions} partitions: its limit is divided among them, and turns are less fair`,
          mend: `set matching.numTaskqueueReadPartitions and matching.numTaskqueueWritePartitions to 1 for ${queue}; docs/pace.md shows how`,
        });
    }
    findings.push(...(await lookAtSweeps(client, account)));
  }
  return findings;
}

async function describe(client: Client, name: string, taskQueueType: number) {
  const { namespace } = client.options;
  const [{ pollers, config }, parts] = await Promise.all([
    client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name },
      taskQueueType,
      reportConfig: true,
    }),
    client.workflowService.listTaskQueuePartitions({ namespace, taskQueue: { name } }),
  ]);
  const { rateLimit, metadata } = config?.queueRateLimit ?? {};
  const { activityTaskQueuePartitions, workflowTaskQueuePartitions } = parts;
  return {
    pollers: pollers?.length ?? 0,
    rate: rateLimit ? (rateLimit.requestsPerSecond ?? 0) : undefined,
    reason: metadata?.reason ?? undefined,
    partitions: (taskQueueType === activities ? activityTaskQueuePartitions : workflowTaskQueuePartitions)
      ?.length,
  };
}

/** What gives back what nobody holds, and tells runs what no webhook told. */
async function lookAtSweeps(client: Client, account: string): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { scheduleId: id, without: does } of sweepsOf(account)) {
    const sweep = await rawSchedule(client, id);
    const of = 'sweeps';
    if (!sweep)
      findings.push({
        of,
        what: `there is no Schedule ${id}: ${does}`,
        mend: 'restart the Worker, which makes it',
      });
    else if (sweep.schedule?.state?.paused)
      findings.push({
        of,
        what: `the Schedule ${id} is paused (${sweep.schedule.state.notes || 'no note was left'}): ${does}`,
        mend: `temporal schedule toggle --schedule-id ${id} --unpause --reason 'over'`,
      });
  }
  return findings;
}
