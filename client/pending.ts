import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { RunId } from '../workflows/contract.ts';
import { isFrozen } from './frozen.ts';
import { saidBy } from './payloads.ts';
import { clockOf, said } from './words.ts';

const { PendingActivityState } = proto.temporal.api.enums.v1;

/** A step that is under way, or waits. */
export interface PendingStep {
  /** The Activity. */
  readonly activity: string;
  readonly attempt: number;
  /** Why it waits, or that it is under way, in a sentence. */
  readonly sentence: string;
}

/** The steps of a run that are not done, and why each waits; no Worker is asked. */
export async function pendingSteps(
  client: Client,
  { workflowId, runId }: RunId,
): Promise<readonly PendingStep[]> {
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  const pending = raw.pendingActivities ?? [];
  const queues = new Set(pending.flatMap(({ activityOptions }) => activityOptions?.taskQueue?.name ?? []));
  const frozen = new Set<string>();
  for (const queue of queues) if (await isFrozen(client, queue)) frozen.add(queue);
  const failures = await Promise.all(pending.map(({ lastFailure }) => saidBy(client, lastFailure)));
  return pending.map(
    (
      { activityOptions, activityType, attempt, state, nextAttemptScheduleTime, paused, pauseInfo },
      index,
    ): PendingStep => {
      const activity = activityType?.name ?? 'a step';
      const tries = attempt ?? 1;
      const next = nextAttemptScheduleTime?.seconds;
      const name = tries > 1 ? `${activity}, try ${tries}` : activity;
      const failure = failures[index];
      const failed = failure ? ` The last try: ${said(failure, 500)}` : '';
      if (paused) {
        const { identity, reason } = pauseInfo?.manual ?? {};
        return {
          activity,
          attempt: tries,
          sentence: `${name} is paused${identity ? ` by ${said(identity)}` : ''}${reason ? `: ${said(reason)}` : ''}; unpause it in the Temporal UI.`,
        };
      }
      const waits =
        state === PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
          ? 'is under way.'
          : next !== undefined && next !== null && Number(next) * 1000 > Date.now()
            ? `waits until ${clockOf(Number(next) * 1000)}.`
            : frozen.has(activityOptions?.taskQueue?.name ?? '')
              ? `waits until \`oncall thaw\`: the account is frozen.`
              : 'waits for its turn: for the pace of its Task Queue, or for a Worker.';
      return { activity, attempt: tries, sentence: `${name} ${waits}${failed}` };
    },
  );
}
