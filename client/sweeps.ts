import { type Client, ScheduleOverlapPolicy } from '@temporalio/client';
import { sweepScheduleId } from '../workflows/contract.ts';
import { temporalSettings } from './config.ts';
import { connect } from './connect.ts';
import { OncallError } from './errors.ts';
import { stopQueues } from './frozen.ts';

/**
 * Has what nobody may hold any more given back at once, instead of within the minute.
 * @param isFreeze whether nothing that is not urgent may start from now on.
 * @returns what was begun, in a sentence; where Temporal is away, that too.
 */
export async function sweepNow(
  accounts: readonly string[],
  who: string,
  { isFreeze }: { readonly isFreeze: boolean },
): Promise<{
  readonly swept: readonly string[];
  readonly sentence: string;
}> {
  let client: Client;
  try {
    client = await connect(temporalSettings(), `operator:${who}`);
  } catch (error) {
    if (!(error instanceof OncallError)) throw error;
    return {
      swept: [],
      sentence: `What is held could not be given back at once (${error.message.split('. ')[0]}); the sweep of every minute does it once Temporal and a Worker run.`,
    };
  }
  const swept: string[] = [];
  const failed: string[] = [];
  try {
    for (const account of accounts) {
      try {
        if (isFreeze) await stopQueues(client, account);
        await client.schedule.getHandle(sweepScheduleId(account)).trigger(ScheduleOverlapPolicy.BUFFER_ONE);
        swept.push(account);
      } catch {
        failed.push(account);
      }
    }
  } finally {
    await client.connection.close();
  }
  const done = swept.length > 0 ? [`What was held in ${swept.join(', ')} goes back to people now.`] : [];
  const not =
    failed.length > 0
      ? [
          `There is no sweep of ${failed.join(', ')} yet; a Worker makes it when it starts: \`oncall worker\`.`,
        ]
      : [];
  return { swept, sentence: [...done, ...not].join(' ') };
}
