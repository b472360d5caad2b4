import { ApplicationFailure, ChildWorkflowFailure } from '@temporalio/common';
import { isCancellation } from '@temporalio/workflow';

/**
 * What a child run gives. Where it fails its part of the work is missing, and the others go on; a cancellation goes on up.
 * @param instead what stands for it then; it is told why, or `unsaid` where nobody said.
 */
export async function childOr<T>(child: Promise<T>, instead: (why: string) => T, unsaid: string): Promise<T> {
  try {
    return await child;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ChildWorkflowFailure)) throw error;
    return instead(error.cause instanceof ApplicationFailure ? error.cause.message : unsaid);
  }
}
