import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { type IncidentSweep, type Known, runningQuery, workflowTaskQueue } from '../../workflows/contract.ts';
import { until } from './until.ts';

/** Sweeps the incidents of the account now, beside the Schedule. */
export const sweepIncidents = (client: Client): Promise<IncidentSweep> =>
  client.workflow.execute<(input: { readonly account: string }) => Promise<IncidentSweep>>('sweepIncidents', {
    workflowId: `sweep-by-hand:${randomUUID()}`,
    taskQueue: workflowTaskQueue,
    args: [{ account: 'main' }],
  });

/** What a run says of itself that it knows. */
export const knownTo = async (client: Client, workflowId: string): Promise<Known | undefined> => {
  const { memo } = await client.workflow.getHandle(workflowId).describe();
  return memo?.['known'] as Known | undefined;
};

/** Waits until the server's list shows the run with what it knows now, where it listens at all: before that a sweep passes it by. */
export const untilListed = (client: Client, workflowId: string): Promise<true> =>
  until(`${workflowId} is listed with what it knows`, async () => {
    const known = await knownTo(client, workflowId);
    if (!known) return true;
    for await (const run of client.workflow.list({ query: runningQuery('main') })) {
      const listed = run.memo?.['known'] as Known | undefined;
      if (run.workflowId === workflowId && listed?.changes === known.changes) return true;
    }
    return false;
  });
