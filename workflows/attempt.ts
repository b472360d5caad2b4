import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { isCancellation } from '@temporalio/workflow';
import type { Outcome, RunResult } from './contract.ts';

/** A step that failed for good: its last words, as a result the run can handle. */
export interface Failed {
  readonly ok: false;
  readonly kind: 'Failed';
  /** PagerDuty's error kind, such as `NotFound`. */
  readonly type: string;
  readonly sentence: string;
  /** What to do about it. */
  readonly next: readonly string[];
}

/** Waits for a step; a failure becomes a result, a cancellation goes on up. */
export async function attempt<T>(step: Promise<T>): Promise<T | Failed> {
  try {
    return await step;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const { cause } = error;
    return {
      ok: false,
      kind: 'Failed',
      type: cause instanceof ApplicationFailure ? (cause.type ?? 'unknown') : 'unknown',
      sentence: cause instanceof TimeoutFailure ? notInTime(cause) : (cause?.message ?? error.message),
      next: cause instanceof ApplicationFailure ? adviceIn(cause) : [],
    };
  }
}

/** A step whose time was over before it began, or before one try of it came to its end. */
const notInTime = ({ timeoutType, message, cause }: TimeoutFailure): string =>
  cause === undefined && timeoutType?.startsWith('SCHEDULE_TO')
    ? 'It was not begun in time: the account may be frozen (`oncall thaw`), its pace at its limit, or no Worker there.'
    : (cause?.message ?? message);

function adviceIn({ details }: ApplicationFailure): readonly string[] {
  const [first] = details ?? [];
  const advice = typeof first === 'object' && first !== null && 'advice' in first ? first.advice : undefined;
  return typeof advice === 'string' ? [advice] : [];
}

/** How a run ends whose one step was not done. */
export const outcomeOf: Readonly<
  Record<
    'PermissionDenied' | 'ApprovalNeeded' | 'ApprovalRefused' | 'Changed' | 'OutcomeUnknown' | 'Failed',
    Outcome
  >
> = {
  PermissionDenied: 'denied',
  ApprovalNeeded: 'approval_refused',
  ApprovalRefused: 'approval_refused',
  Changed: 'yielded_to_human',
  // It may well have happened: neither a success nor a failure that may be tried again.
  OutcomeUnknown: 'partly',
  Failed: 'failed',
};

/** A step that was not done, whatever kept it from that. */
export interface Undone {
  readonly kind: keyof typeof outcomeOf;
  readonly sentence: string;
}

/** What is known about a step that was not done: PagerDuty's error kind, and what to do about it. */
export const knownOf = (undone: Undone | Failed): Partial<Pick<RunResult, 'error' | 'next'>> =>
  'type' in undone ? { error: undone.type, next: undone.next } : {};
