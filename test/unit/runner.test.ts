import { describe, expect, test } from 'vitest';
import { decideForOperator, type Question } from '../../gate/decide.ts';
import { decideForRunner } from '../../gate/runner.ts';
import { type Action, actionsOf } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue } from '../../pagerduty/catalogue/index.ts';
import { back, differenceIn, operatorCases, releaseFacts, runnerCases } from './others-asked.ts';

const gates = { decideForOperator, decideForRunner };

describe('the runner asks for', () => {
  test.each(runnerCases)('$what', (one) => {
    expect(differenceIn(one, gates)).toBeUndefined();
  });
});

describe('an operator asks for', () => {
  test.each(operatorCases)('$what', (one) => {
    expect(differenceIn(one, gates)).toBeUndefined();
  });
});

test('of all actions there are, the runner may only do what looks', () => {
  const allowed = Object.entries(actionsOf).flatMap(([resource, verbs]) =>
    verbs
      .map((verb) => `${resource}.${verb}` as Action)
      .filter((action) => {
        const question: Question = {
          agent: 'runner',
          operation: 'x',
          summary: 'Do it',
          actions: [action],
          touches: [],
          now: 0,
        };
        return decideForRunner(question, {}, releaseFacts).decision === 'allowed';
      }),
  );
  expect(allowed).toEqual(['incidents.view', 'users.view', 'oncalls.view']);
});

test('what the runner sends is what the catalogue takes', () => {
  for (const policy of ['PHOME', undefined])
    expect(catalogue.updateIncident.request.safeParse(back(policy)).error).toBeUndefined();
});
