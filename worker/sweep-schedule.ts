import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { incidentSweepScheduleId, sweepScheduleId, workflowTaskQueue } from '../workflows/contract.ts';

/** Sees to it that an account's leases and its incidents are swept every minute, half a minute apart. An operator's pause survives. */
export async function scheduleSweeps(client: Client, account: string): Promise<void> {
  await schedule(client, account, {
    scheduleId: sweepScheduleId(account),
    workflowType: 'sweepLeases',
    workflowId: `sweep-run:${account}`,
    staticSummary: `Give back what nobody holds in account ${account}`,
  });
  await schedule(client, account, {
    scheduleId: incidentSweepScheduleId(account),
    workflowType: 'sweepIncidents',
    workflowId: `sweep-incidents-run:${account}`,
    staticSummary: `Tell runs of account ${account} what no webhook told them`,
    offset: '30 seconds',
  });
}

interface Sweep {
  readonly scheduleId: string;
  readonly workflowType: string;
  readonly workflowId: string;
  readonly staticSummary: string;
  readonly offset?: '30 seconds';
}

async function schedule(
  client: Client,
  account: string,
  { scheduleId, offset, ...sweep }: Sweep,
): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId,
      spec: { intervals: [{ every: '1 minute', ...(offset && { offset }) }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
      action: {
        type: 'startWorkflow',
        taskQueue: workflowTaskQueue,
        args: [{ account }],
        workflowRunTimeout: '5 minutes',
        ...sweep,
      },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
