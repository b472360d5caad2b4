import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { StoreAway } from '../gate/audit-store.ts';
import { NotPermitted } from '../gate/permit.ts';
import { StepReused, StepTaken } from '../gate/steps.ts';
import { advise } from '../pagerduty/advice.ts';
import { PagerDutyError, retried } from '../pagerduty/errors.ts';
import { NotConnected } from './connections.ts';

/** How far an Activity has come: its attempts, and how much longer its step is worth doing. */
export interface Trying {
  readonly attempt: number;
  readonly leftMs: number;
}

/** Waits between tries where PagerDuty does not say: a second, twice as long each time, half a minute at most. */
const firstWaitMs = 1_000;
const longestWaitMs = 30_000;

/** How long until the next try; half of it is chance, so that those who failed together do not come back together. */
export function backOffMs(attempt: number, chance: () => number = Math.random): number {
  const whole = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(attempt - 1, 20));
  return Math.round(whole / 2 + (chance() * whole) / 2);
}

/** Something that may be tried again: the wait is the server's, and people read why beside it. */
export class TryAgain extends Error {
  override readonly name = 'TryAgain';
  readonly type: string;
  /** How long to wait at least; the usual back-off where absent. */
  readonly waitMs: number | undefined;
  /** What is waited for, as it follows "waiting 3 s". */
  readonly why: string;

  constructor(
    type: string,
    message: string,
    { waitMs, why = 'before it is tried again' }: { readonly waitMs?: number; readonly why?: string } = {},
  ) {
    super(message);
    this.type = type;
    this.waitMs = waitMs;
    this.why = why;
  }
}

/** A write was sent and nobody knows what came of it: the next try looks first, once the old one can no longer be answered. */
export const outcomeUnknown = (message: string, waitMs?: number): TryAgain =>
  new TryAgain('OutcomeUnknown', message, {
    ...(waitMs !== undefined && { waitMs }),
    why: 'before its effect is looked for',
  });

/**
 * What Temporal is told of an error: the kind as `type`, a sentence that says what is waited for and how long, whether to try
 * again, and when. Class identity does not survive the way to a Workflow; `type` and `details` do.
 */
export function toFailure(error: unknown, trying: Trying = tryingNow()): unknown {
  if (error instanceof PagerDutyError) return ofPagerDuty(error, trying);
  if (error instanceof TryAgain) {
    const { type, message, why, waitMs = backOffMs(trying.attempt) } = error;
    return later({ type, message, waitMs, why }, trying);
  }
  if (error instanceof NotConnected) {
    const type = error.cause instanceof ApplicationFailure ? error.cause.type : undefined;
    return ApplicationFailure.create({ type: type ?? 'NotConnected', message: error.message });
  }
  if (error instanceof NotPermitted)
    return ApplicationFailure.create({ type: error.name, message: error.message, nonRetryable: true });
  if (error instanceof StoreAway) {
    const message = `${error.message} Nothing is sent without an entry.`;
    const waitMs = backOffMs(trying.attempt);
    return later({ type: 'AuditAway', message, waitMs, why: 'for the audit store' }, trying);
  }
  if (error instanceof StepTaken) {
    const waitMs = backOffMs(1);
    return later({ type: 'OutcomeUnknown', message: error.message, waitMs, why: 'for its outcome' }, trying);
  }
  if (error instanceof StepReused) {
    return ApplicationFailure.create({ type: 'StepReused', message: error.message, nonRetryable: true });
  }
  return error;
}

function ofPagerDuty({ message, facts }: PagerDutyError, trying: Trying): ApplicationFailure {
  const { kind, status, code, requestId, retryAfterMs } = facts;
  const details = [{ status, code, requestId, advice: advise(facts) }];
  if (!retried[kind]) return ApplicationFailure.create({ type: kind, message, details, nonRetryable: true });
  const waitMs = retryAfterMs ?? backOffMs(trying.attempt);
  if (kind !== 'RateLimited')
    return later({ type: kind, message, details, waitMs, why: 'before it is tried again' }, trying);
  const why =
    retryAfterMs === undefined
      ? "for PagerDuty's limit, of which it does not say how long it lasts"
      : "for PagerDuty's limit";
  return later({ type: kind, message, details, waitMs, why, isExpected: true }, trying);
}

interface Later {
  readonly type: string;
  readonly message: string;
  readonly details?: unknown[];
  readonly waitMs: number;
  readonly why: string;
  /** Is counted by nobody as an error. */
  readonly isExpected?: true;
}

/** Tries again after the wait, as long as the step is worth doing then. */
function later(
  { type, message, details = [], waitMs, why, isExpected }: Later,
  { leftMs }: Trying,
): ApplicationFailure {
  const wait = Math.max(1, Math.ceil(waitMs));
  if (wait >= leftMs) {
    const over = `it would have to wait ${seconds(wait)}, and is worth doing for ${seconds(Math.max(0, leftMs))} more`;
    return ApplicationFailure.create({
      type,
      message: `${message} (given up: ${over})`,
      details,
      nonRetryable: true,
    });
  }
  return ApplicationFailure.create({
    type,
    message: `${message} (waiting ${seconds(wait)} ${why})`,
    details,
    nextRetryDelay: wait,
    ...(isExpected && { category: ApplicationFailureCategory.BENIGN }),
  });
}

/** `12 s`, `0.7 s`. */
const seconds = (ms: number): string => `${ms < 10_000 ? Math.ceil(ms / 100) / 10 : Math.ceil(ms / 1_000)} s`;

/** By the server's clock, which tells when a step was scheduled and when this attempt was. */
function tryingNow(): Trying {
  const { attempt, scheduleToCloseTimeoutMs, scheduledTimestampMs, currentAttemptScheduledTimestampMs } =
    activityInfo();
  const leftMs = scheduleToCloseTimeoutMs
    ? scheduleToCloseTimeoutMs - (currentAttemptScheduledTimestampMs - scheduledTimestampMs)
    : Number.POSITIVE_INFINITY;
  return { attempt, leftMs };
}
