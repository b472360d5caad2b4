import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { StoreAway } from '../gate/audit-store.ts';
import { NotPermitted } from '../gate/permit.ts';
import { StepReused, StepTaken } from '../gate/steps.ts';
import { advise } from '../pagerduty/advice.ts';
import { PagerDutyError, retried } from '../pagerduty/errors.ts';
import { NotConnected } from './connections.ts';

/** A write was sent and nobody knows what came of it: the next try looks first, once the old one can no longer answer. */
export const outcomeUnknown = (message: string, waitMs = 1_000): ApplicationFailure =>
  ApplicationFailure.create({
    type: 'OutcomeUnknown',
    message,
    nextRetryDelay: Math.max(1, Math.ceil(waitMs)),
  });

/**
 * What Temporal is told of an error: the kind as `type`, a sentence, whether to try again, and after a 429 exactly how long
 * to wait. Class identity does not survive the way to a Workflow; `type` and `details` do.
 */
export function toFailure(error: unknown): unknown {
  if (error instanceof PagerDutyError) {
    const { kind, status, code, requestId, retryAfterMs } = error.facts;
    const details = [{ status, code, requestId, advice: advise(error.facts) }];
    if (kind === 'RateLimited') {
      const wait =
        retryAfterMs === undefined ? 'backing off' : `waiting ${retryAfterMs / 1000} s for PagerDuty's limit`;
      return ApplicationFailure.create({
        type: kind,
        message: `${error.message} (${wait})`,
        details,
        category: ApplicationFailureCategory.BENIGN,
        ...(retryAfterMs === undefined ? {} : { nextRetryDelay: retryAfterMs }),
      });
    }
    return ApplicationFailure.create({
      type: kind,
      message: error.message,
      details,
      nonRetryable: !retried[kind],
    });
  }
  if (error instanceof NotConnected) {
    const type = error.cause instanceof ApplicationFailure ? error.cause.type : undefined;
    return ApplicationFailure.create({ type: type ?? 'NotConnected', message: error.message });
  }
  if (error instanceof NotPermitted)
    return ApplicationFailure.create({ type: error.name, message: error.message, nonRetryable: true });
  if (error instanceof StoreAway) {
    return ApplicationFailure.create({
      type: 'AuditAway',
      message: `${error.message} Nothing is sent without an entry.`,
    });
  }
  if (error instanceof StepTaken) {
    return outcomeUnknown('Another try of this step is under way.');
  }
  if (error instanceof StepReused) {
    return ApplicationFailure.create({ type: 'StepReused', message: error.message, nonRetryable: true });
  }
  return error;
}
