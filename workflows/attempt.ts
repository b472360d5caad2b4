import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { isCancellation } from '@temporalio/workflow';

/** A step that failed for good: its last words, as a result the run can handle. */
export interface Failed {
  readonly ok: false;
  readonly kind: 'Failed';
  /** PagerDuty's error kind, such as `NotFound`. */
  readonly type: string;
  readonly sentence: string;
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
      sentence: cause?.message ?? error.message,
    };
  }
}
