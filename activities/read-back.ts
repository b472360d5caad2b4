import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Stamp } from '../gate/audit.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { type Call, type CallInput, callOf } from './call.ts';
import { hopelessNow } from './decision.ts';
import type { Deps } from './deps.ts';
import { TryAgain, toFailure } from './failures.ts';
import { effectOf } from './look-up.ts';
import { noteReads } from './perform.ts';
import { entryOf, outcomeOf } from './records.ts';
import { type NotDone, refused } from './results.ts';

/** A write of this run that is done, and what it was asked. */
export interface ReadBackInput {
  /** For people; the write itself is named by `of`. */
  readonly step: string;
  readonly of: string;
  readonly operation: OperationName;
  readonly request: object;
  /** See `CallInput`. */
  readonly ids?: Readonly<Record<string, string>>;
}

/** What a look showed of a write that PagerDuty has taken. */
export interface ReadBack {
  readonly ok: true;
  readonly verified: boolean;
  readonly sentence: string;
  readonly entry: Stamp;
}

/** How long until the next look while the effect may still be on its way. */
const nextLookMs = 2_000;

/**
 * Looks whether a write stands that PagerDuty has taken without showing what came of it. The look goes with the grant of the
 * write, which includes reading what it acts on; it is an outcome of the write's own entry.
 * @throws ApplicationFailure while the effect may still be on its way, and where the step was never done.
 */
export async function readBack(deps: Deps, input: ReadBackInput): Promise<ReadBack | NotDone> {
  let call: Call<OperationName> | undefined;
  try {
    call = await callOf(deps, input.operation, {
      step: input.of,
      request: input.request,
      ...(input.ids && { ids: input.ids }),
    } as CallInput<OperationName>);
    const { ledger, step, endpoint } = call;
    const denied = await hopelessNow(call);
    if (denied) return refused(call, denied, await ledger.entry(entryOf(call, {}, denied)), {}, []);
    const row = await ledger.find(step);
    if (row?.state !== 'done') {
      throw ApplicationFailure.nonRetryable(
        `"${input.of}" is no write that this run has done; there is nothing to read back.`,
        'InvalidRequest',
      );
    }
    const stamp: Stamp = { seq: row.entry, hash: row.entry_hash };
    const { response } = await effectOf(call, row.sent_at);
    const isThere = response !== undefined;
    const { seenWithinMs = 0, unseen = 'nothing that PagerDuty shows tells of it' } =
      typeof endpoint.repeat === 'string' ? {} : endpoint.repeat;
    if (!isThere && lookedForMs() < seenWithinMs) {
      throw new TryAgain('NotSeenYet', `PagerDuty took "${input.of}" and does not show it yet.`, {
        waitMs: nextLookMs,
        why: 'before it is looked for again',
      });
    }
    const sentence = isThere
      ? 'It was read back, and stands.'
      : `PagerDuty took it, and it could not be read back: ${unseen}.`;
    const decision = isThere ? 'found' : 'lost';
    const entry = await ledger.entry(outcomeOf(call, {}, stamp, { decision, sentence }));
    return { ok: true, verified: isThere, sentence, entry };
  } catch (error) {
    if (call) await noteReads(call, error);
    throw toFailure(error);
  }
}

/** How long this Activity has been looking, by the server's clock. */
function lookedForMs(): number {
  const { scheduledTimestampMs, currentAttemptScheduledTimestampMs } = activityInfo();
  return currentAttemptScheduledTimestampMs - scheduledTimestampMs;
}
