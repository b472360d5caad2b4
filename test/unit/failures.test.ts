import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { backOffMs, outcomeUnknown, TryAgain, toFailure } from '../../activities/failures.ts';
import { StoreAway } from '../../gate/audit-store.ts';
import { StepReused, StepTaken } from '../../gate/steps.ts';
import { type ErrorFacts, PagerDutyError } from '../../pagerduty/errors.ts';

const trying = { attempt: 3, leftMs: 600_000 };
const failure = (error: unknown, at = trying): ApplicationFailure => {
  const made = toFailure(error, at);
  if (!(made instanceof ApplicationFailure))
    throw new Error(`That is no failure of Temporal's: ${String(made)}`);
  return made;
};
const answered = (facts: ErrorFacts) => new PagerDutyError('PagerDuty said no.', facts);

describe('a wait that nobody prescribed', () => {
  test.each([
    [1, 500, 1_000],
    [2, 1_000, 2_000],
    [3, 2_000, 4_000],
    [5, 8_000, 16_000],
    [6, 15_000, 30_000],
    [40, 15_000, 30_000],
    [5_000, 15_000, 30_000],
  ])('lies, at attempt %i, between %i and %i ms', (attempt, least, most) => {
    expect(backOffMs(attempt, () => 0)).toBe(least);
    expect(backOffMs(attempt, () => 1)).toBe(most);
    const drawn = Array.from({ length: 200 }, () => backOffMs(attempt));
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(least);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(most);
    // Chance, so that those who failed together do not come back together.
    expect(new Set(drawn).size).toBeGreaterThan(100);
  });
});

test.each([
  ['InvalidRequest', 400],
  ['Unauthenticated', 401],
  ['PlanRequired', 402],
  ['Forbidden', 403],
  ['NotFound', 404],
] as const)('%s, a %i, is never tried again', (kind, status) => {
  const { type, message, nonRetryable, nextRetryDelay } = failure(
    answered({ kind, status, effect: 'nothing' }),
  );
  expect({ type, message, nonRetryable }).toEqual({
    type: kind,
    message: 'PagerDuty said no.',
    nonRetryable: true,
  });
  expect(nextRetryDelay).toBeUndefined();
});

test('a 429 is waited for exactly as long as PagerDuty says, and the failure says so', () => {
  const limited = answered({ kind: 'RateLimited', status: 429, effect: 'nothing', retryAfterMs: 12_000 });
  const { type, message, nextRetryDelay, nonRetryable } = failure(limited);
  expect({ type, nextRetryDelay, nonRetryable }).toEqual({
    type: 'RateLimited',
    nextRetryDelay: 12_000,
    nonRetryable: false,
  });
  expect(message).toBe("PagerDuty said no. (waiting 12 s for PagerDuty's limit)");
});

test('a bare 429 and a server error are waited for longer each time', () => {
  const bare = failure(answered({ kind: 'RateLimited', status: 429, effect: 'nothing' }));
  expect(bare.message).toMatch(
    /^PagerDuty said no\. \(waiting (2|3|4)(\.\d)? s for PagerDuty's limit, of which it does not say how long it lasts\)$/,
  );
  const away = failure(answered({ kind: 'Unavailable', status: 503, effect: 'unknown' }));
  expect(away.message).toMatch(/^PagerDuty said no\. \(waiting (2|3|4)(\.\d)? s before it is tried again\)$/);
  for (const { nextRetryDelay } of [bare, away]) {
    expect(Number(nextRetryDelay)).toBeGreaterThanOrEqual(2_000);
    expect(Number(nextRetryDelay)).toBeLessThanOrEqual(4_000);
  }
});

test('nothing is waited for beyond the time for which the step is worth doing', () => {
  const limited = answered({ kind: 'RateLimited', status: 429, effect: 'nothing', retryAfterMs: 60_000 });
  const last = failure(limited, { attempt: 2, leftMs: 40_000 });
  expect([last.type, last.nonRetryable, last.nextRetryDelay]).toEqual(['RateLimited', true, undefined]);
  expect(last.message).toBe(
    'PagerDuty said no. (given up: it would have to wait 60 s, and is worth doing for 40 s more)',
  );
  expect(failure(limited, { attempt: 2, leftMs: 61_000 }).nonRetryable).toBe(false);
});

test.each([
  [
    new StoreAway('The store is locked.'),
    'AuditAway',
    /^The store is locked\. Nothing is sent without an entry\. \(waiting .* s for the audit store\)$/,
  ],
  [
    new StepTaken(),
    'OutcomeUnknown',
    /^Another try of this step is under way\. \(waiting (1|0\.\d) s for its outcome\)$/,
  ],
  [
    outcomeUnknown('No answer.', 7_450),
    'OutcomeUnknown',
    /^No answer\. \(waiting 7\.5 s before its effect is looked for\)$/,
  ],
  [
    outcomeUnknown('No answer.'),
    'OutcomeUnknown',
    /^No answer\. \(waiting .* s before its effect is looked for\)$/,
  ],
  [
    new TryAgain('NotSeenYet', 'Not yet.', { waitMs: 2_000, why: 'for it' }),
    'NotSeenYet',
    /^Not yet\. \(waiting 2 s for it\)$/,
  ],
])('%s is tried again, with its wait in words', (error, type, message) => {
  const made = failure(error);
  expect(made.type).toBe(type);
  expect(made.message).toMatch(message);
  expect(made.nonRetryable).toBe(false);
  expect(Number(made.nextRetryDelay)).toBeGreaterThan(0);
});

test('a step name that stands for two requests ends the step', () => {
  const { type, nonRetryable } = failure(new StepReused('Used already.'));
  expect([type, nonRetryable]).toEqual(['StepReused', true]);
});

test('what is not ours to judge is handed on as it is', () => {
  const error = new TypeError('x is not a function');
  expect(toFailure(error, trying)).toBe(error);
});
