import type { Outcome } from '../workflows/contract.ts';
import { type ExitCode, exitCodes } from './errors.ts';

/** Which exit code an outcome is. */
export const codeOf: Readonly<Record<Outcome, ExitCode>> = {
  done: exitCodes.done,
  nothing_to_do: exitCodes.done,
  failed: exitCodes.failed,
  denied: exitCodes.denied,
  approval_refused: exitCodes.denied,
  partly: exitCodes.partly,
  yielded_to_human: exitCodes.partly,
};
