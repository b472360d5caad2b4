import fc from 'fast-check';
import { expect, test } from 'vitest';
import { narrowAnswer, narrowRequest } from '../../activities/narrow.ts';
import { decide } from '../../gate/decide.ts';
import { operationNames } from '../../pagerduty/catalogue/index.ts';
import { answersOf, type Gate, policyIn } from '../support/gate-answers.ts';
import { anyCase } from '../support/gate-cases.ts';
import { requestedOperations } from '../support/gate-requests.ts';
import { type Answer, type Case, referenceAnswer } from '../support/reference-gate.ts';

const gate: Gate = { decide, narrowAnswer, narrowRequest };
const cases = 5_000;
const seed = Date.now();

test('the gate and a naive second gate, written from the docs, say the same, at once and fact by fact', () => {
  const counts = { allowed: 0, denied: 0, approval: 0, narrowed: 0 };
  fc.assert(
    fc.property(anyCase, (asked) => {
      const { atOnce, stepByStep } = answersOf(gate, asked, policyIn(asked));
      const wanted = referenceAnswer(asked);
      count(counts, asked, wanted);
      expect(atOnce).toEqual(wanted);
      expect(stepByStep).toEqual(wanted);
    }),
    { numRuns: cases, seed },
  );
  const told = Object.entries(counts).map(([name, number]) => `${number} ${name}`);
  process.stdout.write(`seed ${seed}, ${cases} cases: ${told.join(', ')}\n`);
  for (const number of Object.values(counts)) expect(number).toBeGreaterThan(0);
});

test('every operation that an agent can be granted is asked for', () => {
  const granted = operationNames.filter((name) => !name.includes('WebhookSubscription'));
  expect(requestedOperations.toSorted()).toEqual(granted.toSorted());
});

function count(
  counts: Record<'allowed' | 'denied' | 'approval' | 'narrowed', number>,
  { records }: Case,
  { answer, shown }: Answer,
): void {
  counts[answer === 'approval_needed' ? 'approval' : answer] += 1;
  if (shown && shown.length < records.length) counts.narrowed += 1;
}
