import type { Client } from '@temporalio/client';
import { isNotFound } from '../connect.ts';

/**
 * A Schedule as the server keeps it, `undefined` where there is none. What we said in it stays as it is: that may be encrypted with a
 * key that is not here.
 */
export async function rawSchedule(client: Client, scheduleId: string) {
  const { namespace } = client.options;
  try {
    return await client.workflowService.describeSchedule({ namespace, scheduleId });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
