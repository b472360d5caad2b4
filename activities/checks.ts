import { ApplicationFailure } from '@temporalio/common';
import type { Endpoint } from '../pagerduty/catalogue/endpoint.ts';

/** How long the name of a step is at most, and how many words on it are looked at: no Workflow of ours has more. */
const longestStep = 300;
const mostWords = 20;
const longestWord = 2_000;

/**
 * Refuses what no Workflow of ours asks: it would stand in every record of the call.
 * @throws ApplicationFailure
 */
export function checkStep({
  step,
  statements = [],
  notes = [],
}: {
  readonly step: unknown;
  readonly statements?: unknown;
  readonly notes?: unknown;
}): void {
  const isName = typeof step === 'string' && step !== '' && step.length <= longestStep;
  const areWords = [statements, notes].every((words) => Array.isArray(words) && words.length <= mostWords);
  const areSigned =
    areWords &&
    (statements as readonly unknown[]).every((one) => typeof one === 'string' && one.length <= longestWord);
  if (isName && areSigned) return;
  throw ApplicationFailure.nonRetryable(
    `A step has a name of 1 to ${longestStep} characters, and at most ${mostWords} words of operators.`,
    'InvalidRequest',
  );
}

/**
 * Refuses a request that is not the catalogue's.
 * @throws ApplicationFailure
 */
export function checkRequest(endpoint: Endpoint, name: string, request: unknown): void {
  const parsed = endpoint.request.safeParse(request);
  if (parsed.success) return;
  const issue = parsed.error.issues[0];
  throw ApplicationFailure.nonRetryable(
    `The request of ${name} is not valid: ${issue?.path.join('.') || 'request'}: ${issue?.message}.`,
    'InvalidRequest',
  );
}
