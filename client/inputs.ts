import { z } from 'zod';
import { Id } from '../pagerduty/catalogue/wire.ts';
import { type WorkflowName, type Workflows, workflowIds } from '../workflows/contract.ts';
import { UsageError } from './errors.ts';

const subject = {
  account: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, 'an account is named as in the configuration, such as main'),
  incident: Id,
  reason: z.string().max(500).optional(),
};

/** What each Workflow takes; strict, so that a misspelt field is an error before anything starts. */
export const inputs = {
  triageIncident: z.strictObject(subject),
  acknowledgeIncident: z.strictObject(subject),
  addNote: z.strictObject({ ...subject, note: z.string().trim().min(1).max(20_000) }),
  resolveIncident: z.strictObject({
    ...subject,
    resolution: z.string().trim().min(1).max(20_000).optional(),
  }),
  respondToIncident: z.strictObject({
    ...subject,
    assess: z.enum(['rules', 'client']),
    presenceSeconds: z.int().min(1).max(3_600).optional(),
  }),
} as const satisfies { readonly [Name in WorkflowName]: z.ZodType };

export const workflowNames = Object.keys(inputs) as readonly WorkflowName[];

/**
 * The input of a Workflow, parsed once.
 * @throws UsageError that names the field and what it takes.
 */
export function parseInput<Name extends WorkflowName>(name: Name, input: unknown): Workflows[Name]['input'] {
  const parsed = inputs[name].safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data as Workflows[Name]['input'];
  const faults = parsed.error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const known = Object.keys(inputs[name].shape).join(', ');
      return `${issue.keys.join(', ')}: no such field; ${name} takes ${known}`;
    }
    const isMissing = issue.code === 'invalid_type' && issue.input === undefined;
    return `${issue.path.join('.') || 'the input'}: ${isMissing ? 'is missing' : issue.message}`;
  });
  throw new UsageError(`The input of ${name} is not right: ${faults.join('; ')}.`);
}

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
