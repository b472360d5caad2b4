import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { paceReason, taskQueues } from '../workflows/contract.ts';

/**
 * Starts a second until the pace-keeper has counted: PagerDuty counts 960 requests a minute, Temporal counts starts, and one
 * start is up to three requests.
 */
const startsPerSecond = { rest: 5, urgent: 3 } as const;

/**
 * Starts a second of one routing key. PagerDuty allows some 120 events in any minute, and a Task Queue lets a second's worth and
 * more out at once: a tenth less keeps below.
 */
const eventsPerSecond = 1.75;

/** What a Task Queue's limit is, and whether we set it. */
export interface Limit {
  /** Starts a second; absent where there is none. */
  readonly rate?: number;
  readonly isOurs: boolean;
}

/**
 * Sets the limits of an account's Task Queues on the server, where they hold for all Workers together. A limit that stands
 * already is left alone: an operator, a freeze or a pace-keeper set it.
 */
export async function setPace(client: Client, account: string): Promise<void> {
  for (const [queue, rate] of [
    [taskQueues.rest(account), startsPerSecond.rest],
    [taskQueues.urgent(account), startsPerSecond.urgent],
  ] as const) {
    if ((await limitOf(client, queue)).rate === undefined) await setLimit(client, queue, rate, 'first pace');
  }
  await limitKeys(client, taskQueues.events(account));
}

/** The limit of a Task Queue's Activities as the server holds it. */
export async function limitOf(client: Client, taskQueue: string): Promise<Limit> {
  const { queueRateLimit } = await configOf(client, taskQueue);
  const { rateLimit, metadata } = queueRateLimit ?? {};
  if (!rateLimit) return { isOurs: true };
  return {
    rate: rateLimit.requestsPerSecond ?? 0,
    isOurs: metadata?.reason?.startsWith(paceReason) ?? false,
  };
}

/** Sets the limit of a Task Queue, or takes it away. */
export async function setLimit(
  client: Client,
  taskQueue: string,
  rate: number | undefined,
  why: string,
): Promise<void> {
  await client.workflowService.updateTaskQueueConfig({
    ...named(client, taskQueue),
    identity: client.options.identity,
    updateQueueRateLimit: {
      ...(rate !== undefined && { rateLimit: { requestsPerSecond: rate } }),
      reason: `${paceReason}${why}`,
    },
  });
}

/** Sets what each fairness key of the events' queue may start: there the key is the routing key's name. */
async function limitKeys(client: Client, taskQueue: string): Promise<void> {
  const { queueRateLimit, fairnessKeysRateLimitDefault } = await configOf(client, taskQueue);
  if (queueRateLimit?.rateLimit || fairnessKeysRateLimitDefault?.rateLimit) return;
  await client.workflowService.updateTaskQueueConfig({
    ...named(client, taskQueue),
    identity: client.options.identity,
    updateFairnessKeyRateLimitDefault: {
      rateLimit: { requestsPerSecond: eventsPerSecond },
      reason: `${paceReason}first pace`,
    },
  });
}

async function configOf(client: Client, name: string) {
  const { config } = await client.workflowService.describeTaskQueue({
    ...named(client, name),
    taskQueue: { name },
    reportConfig: true,
  });
  return config ?? {};
}

const named = ({ options: { namespace } }: Client, taskQueue: string) => ({
  namespace,
  taskQueue,
  taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
});
