import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { frozenReason, taskQueues } from '../workflows/contract.ts';

const taskQueueType = proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY;

/** Lets nothing start that is not urgent, until a thaw: the pace-keeper of each account sees to it too, and ends it. */
export async function stopQueues(
  { workflowService, options: { namespace, identity } }: Client,
  account: string,
): Promise<void> {
  for (const taskQueue of [taskQueues.rest(account), taskQueues.events(account)]) {
    await workflowService.updateTaskQueueConfig({
      namespace,
      identity,
      taskQueue,
      taskQueueType,
      updateQueueRateLimit: { rateLimit: { requestsPerSecond: 0 }, reason: frozenReason },
    });
  }
}

/** How many Activities of a Task Queue may start in a second, and why. */
export interface QueueLimit {
  /** `undefined` where nothing limits it. */
  readonly perSecond: number | undefined;
  readonly reason: string;
}

/** The limit of a Task Queue's Activities: the server knows, no Worker and no store is asked. */
export async function queueLimit(
  { workflowService, options: { namespace } }: Client,
  taskQueue: string,
): Promise<QueueLimit> {
  const { config } = await workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType,
    reportConfig: true,
  });
  const { rateLimit, metadata } = config?.queueRateLimit ?? {};
  return {
    perSecond: rateLimit ? (rateLimit.requestsPerSecond ?? 0) : undefined,
    reason: metadata?.reason ?? '',
  };
}

/** Whether a freeze holds a Task Queue's Activities. */
export async function isFrozen(client: Client, taskQueue: string): Promise<boolean> {
  const { perSecond, reason } = await queueLimit(client, taskQueue);
  return perSecond === 0 && reason === frozenReason;
}

/** Which of these accounts are frozen. */
export async function frozenAmong(client: Client, accounts: Iterable<string>): Promise<readonly string[]> {
  const frozen: string[] = [];
  for (const account of new Set(accounts))
    if (await isFrozen(client, taskQueues.rest(account))) frozen.push(account);
  return frozen;
}

/** What becomes of steps in a frozen account, in words that follow what they are of. */
export const waitsForThaw =
  'wait until `oncall thaw`, a read for two minutes and a write for an hour; then their run ends. What pages, acknowledges or resolves is denied at once, and what is held goes back to people';
