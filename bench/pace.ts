import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { taskQueues } from '../workflows/contract.ts';

/** Sets the limit of a Task Queue's Activities as an operator does: the Worker leaves alone what is not its own. */
export async function paceAt(
  { workflowService, options: { namespace } }: Client,
  taskQueue: string,
  requestsPerSecond: number,
): Promise<void> {
  await workflowService.updateTaskQueueConfig({
    namespace,
    taskQueue,
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    updateQueueRateLimit: { rateLimit: { requestsPerSecond }, reason: 'for a bench or a test' },
  });
}

/** Sets limits that nothing comes near. */
export async function liftPace(client: Client): Promise<void> {
  for (const queue of Object.values(taskQueues)) await paceAt(client, queue('main'), 100_000);
}
