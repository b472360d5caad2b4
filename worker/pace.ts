import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { taskQueues } from '../workflows/contract.ts';

/**
 * Starts a second on each Task Queue of an account. PagerDuty counts 960 requests a minute, Temporal counts starts, and one
 * start is up to three requests: 5 leave room for the customer's other tools. The urgent queue has its own 3.
 */
const startsPerSecond = { rest: 5, urgent: 3 } as const;

/** Starts a second of one routing key: PagerDuty allows some 120 events a minute. */
const eventsPerSecond = 2;

/**
 * Sets the limits of an account's Task Queues on the server, where they hold for all Workers together. A limit that stands
 * already is left alone: an operator or a freeze set it.
 */
export async function setPace(client: Client, account: string): Promise<void> {
  await limit(client, taskQueues.rest(account), { queue: startsPerSecond.rest });
  await limit(client, taskQueues.urgent(account), { queue: startsPerSecond.urgent });
  await limit(client, taskQueues.events(account), { key: eventsPerSecond });
}

async function limit(
  client: Client,
  taskQueue: string,
  rate: { readonly queue?: number; readonly key?: number },
): Promise<void> {
  const { namespace } = client.options;
  const taskQueueType = proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY;
  const { config } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType,
    reportConfig: true,
  });
  if (config?.queueRateLimit?.rateLimit || config?.fairnessKeysRateLimitDefault?.rateLimit) return;
  const of = (requestsPerSecond: number) => ({
    rateLimit: { requestsPerSecond },
    reason: 'oncall-runner: first pace',
  });
  await client.workflowService.updateTaskQueueConfig({
    namespace,
    identity: client.options.identity,
    taskQueue,
    taskQueueType,
    ...(rate.queue !== undefined && { updateQueueRateLimit: of(rate.queue) }),
    ...(rate.key !== undefined && { updateFairnessKeyRateLimitDefault: of(rate.key) }),
  });
}
