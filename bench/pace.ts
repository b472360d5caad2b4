import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { taskQueues } from '../workflows/contract.ts';

/** Sets limits that nothing comes near, for benches and tests; the Worker leaves alone what stands already. */
export async function liftPace(client: Client): Promise<void> {
  for (const queue of Object.values(taskQueues)) {
    await client.workflowService.updateTaskQueueConfig({
      namespace: client.options.namespace,
      taskQueue: queue('main'),
      taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
      updateQueueRateLimit: { rateLimit: { requestsPerSecond: 100_000 }, reason: 'nothing is paced here' },
    });
  }
}
