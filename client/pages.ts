import type { Client } from '@temporalio/client';
import type { OperationResult } from '../workflows/contract.ts';
import { decoded } from './payloads.ts';

/**
 * The records of a list that `runOperation` walked: they stand in the histories of the runs that read the pages, so that no
 * run's result grows with the account. Each record once, in the order it came.
 */
export async function readPages(
  client: Client,
  { items, runs }: NonNullable<OperationResult['walked']>,
): Promise<readonly unknown[]> {
  const found = new Map<string, unknown>();
  for (const { workflowId, runId } of runs) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const event of events ?? []) {
      const [payload] = event.activityTaskCompletedEventAttributes?.result?.payloads ?? [];
      if (!payload) continue;
      const page = await decoded(client, payload);
      for (const record of recordsIn(page, items))
        found.set(keyOf(record), found.get(keyOf(record)) ?? record);
    }
  }
  return [...found.values()];
}

function recordsIn(page: unknown, items: string): readonly unknown[] {
  const { response } = (page ?? {}) as { readonly response?: Readonly<Record<string, unknown>> };
  const records = response?.[items];
  return Array.isArray(records) ? records : [];
}

/** Records have ids, but for on-calls. */
function keyOf(record: unknown): string {
  const { id } = (record ?? {}) as { readonly id?: unknown };
  return typeof id === 'string' ? id : JSON.stringify(record);
}
