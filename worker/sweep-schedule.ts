import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { sweepScheduleId, workflowTaskQueue } from '../workflows/contract.ts';

/** Sees to it that an account's leases are swept every minute. An operator's pause survives. */
export async function scheduleSweep(client: Client, account: string): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: sweepScheduleId(account),
      spec: { intervals: [{ every: '1 minute' }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
      action: {
        type: 'startWorkflow',
        workflowType: 'sweepLeases',
        workflowId: `sweep-run:${account}`,
        taskQueue: workflowTaskQueue,
        args: [{ account }],
        workflowRunTimeout: '5 minutes',
        staticSummary: `Give back what nobody holds in account ${account}`,
      },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
