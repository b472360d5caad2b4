import type { Outcome } from '../workflows/contract.ts';

/** How the command line ends: 0 done, 1 failed, 2 wrong usage, 3 denied, 4 approval needed, 5 partly or yielded to a person. */
export const exitCodes = { done: 0, failed: 1, usage: 2, denied: 3, approvalNeeded: 4, partly: 5 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Which exit code an outcome of a run is. */
export const exitOf: Readonly<Record<Outcome, ExitCode>> = {
  done: exitCodes.done,
  nothing_to_do: exitCodes.done,
  failed: exitCodes.failed,
  denied: exitCodes.denied,
  approval_refused: exitCodes.denied,
  partly: exitCodes.partly,
  yielded_to_human: exitCodes.partly,
};

/** Something a person can mend, in one sentence that says how. */
export class OncallError extends Error {
  override readonly name: string = 'OncallError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The words of the call are off: nothing was done. */
export class UsageError extends OncallError {
  override readonly name = 'UsageError';
  constructor(message: string) {
    super(message, exitCodes.usage);
  }
}

/** No Temporal server answers, or it does not let us in. */
export class NotConnectedError extends OncallError {
  override readonly name = 'NotConnectedError';
  /** Why it does not let us in; absent where none answers. */
  readonly why: string | undefined;
  constructor(message: string, why?: string) {
    super(message);
    this.why = why;
  }
}

/** A run failed, was cancelled or was terminated. */
export class RunError extends OncallError {
  override readonly name = 'RunError';
  readonly workflowId: string;
  constructor(message: string, workflowId: string) {
    super(message);
    this.workflowId = workflowId;
  }
}

/** What is known of a call that was refused. */
interface Refused {
  readonly outcome: string;
  readonly next: readonly string[];
  readonly error: string | undefined;
  readonly run: string;
}

/** A call was not made, or not to its end: denied, refused by an operator, overtaken by a person, or failed in PagerDuty. */
export class RefusedError extends OncallError {
  override readonly name = 'RefusedError';
  /** How its run ended. */
  readonly outcome: string;
  /** What to do about it. */
  readonly next: readonly string[];
  /** PagerDuty's error kind, such as `NotFound`, where it was PagerDuty that refused. */
  readonly error: string | undefined;
  /** The run that tells the whole of it. */
  readonly run: string;
  constructor(message: string, refused: Refused, exitCode: ExitCode) {
    super(message, exitCode);
    this.outcome = refused.outcome;
    this.next = refused.next;
    this.error = refused.error;
    this.run = refused.run;
  }
}
