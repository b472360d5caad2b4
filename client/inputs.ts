import type { z } from 'zod';
import { inputFaults, runInputs } from '../gate/run-inputs.ts';
import { type WorkflowName, type Workflows, workflowIds } from '../workflows/contract.ts';
import { UsageError } from './errors.ts';

/**
 * The input of a Workflow, parsed once.
 * @throws UsageError that names the field and what it takes.
 */
export function parseInput<Name extends WorkflowName>(name: Name, input: unknown): Workflows[Name]['input'] {
  const schema: z.ZodType = runInputs[name];
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data as Workflows[Name]['input'];
  // People who call an operation write its request, and know nothing of the Workflow that takes it there.
  const faults = inputFaults(schema, parsed.error).map(
    ({ path, message }) => `${path.join('.').replace(/^request\./, '') || 'the input'}: ${message}`,
  );
  const told = faults.slice(0, mostFaults);
  const rest = faults.length - told.length;
  throw new UsageError(
    `The input of ${operationIn(input) ?? name} is not right: ${told.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}.`,
  );
}

const operationIn = (input: unknown): string | undefined =>
  typeof input === 'object' && input !== null && 'operation' in input ? String(input.operation) : undefined;

/** How many faults are told at once. */
const mostFaults = 5;

/** What Temporal takes as id of a run. */
const longestIdBytes = 1_000;

/**
 * Checks the key of a one-off run.
 * @throws UsageError where it is empty, which would make all such runs one, or makes the id of the run too long.
 */
export function checkKey<Name extends WorkflowName>(
  name: Name,
  input: Workflows[Name]['input'],
  key: string | undefined,
): void {
  if (key === undefined) return;
  const left = longestIdBytes - Buffer.byteLength(workflowIds[name](input, ''));
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > left)
    throw new UsageError(`The key of a run (--key) takes from 1 to ${left} bytes, not ${bytes}.`);
}
