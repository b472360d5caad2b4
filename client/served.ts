import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { workflowTaskQueue } from '../workflows/contract.ts';

/** Whether a Worker polls for runs. */
export async function isServed(client: Client): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: workflowTaskQueue },
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  });
  return (pollers ?? []).length > 0;
}
