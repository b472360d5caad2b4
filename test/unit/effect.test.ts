import { describe, expect, test } from 'vitest';
import { effectOf } from '../../workflows/effect.ts';

const bulk = (...incidents: readonly object[]) =>
  effectOf({ operation: 'updateIncidents', request: { body: { incidents } } });
const service = (change: object) =>
  effectOf({
    operation: 'updateService',
    request: { params: { id: 'PS1' }, body: { service: { type: 'service', ...change } } },
  });

describe('what an operator is told of a bulk update', () => {
  test('is said once where each incident gets the same', () => {
    expect(bulk({ id: 'P1', status: 'resolved' }, { id: 'P2', status: 'resolved' })).toBe(
      'To 2 incidents, each: Resolves it: it is closed, and nobody is paged any more.',
    );
  });

  test('names what only one of them gets', () => {
    expect(
      bulk(
        { id: 'P1', title: 'New' },
        { id: 'P2', title: 'New' },
        { id: 'P3', title: 'New', status: 'resolved' },
      ),
    ).toBe(
      'To 2 incidents (P1, P2): Changes its title. Nobody is paged. To P3: Resolves it: it is closed, and nobody is paged any more. Changes its title. Nobody is paged.',
    );
  });
});

test('what an operator is told of a plan names whom it pages, as far as the plan knows that', () => {
  const handing = (...names: readonly string[]) => ({
    operation: 'updateIncident',
    request: { body: { incident: { status: 'triggered' } } },
    seen: [{ ...(names.length > 0 && { pages: names.map((name) => ({ name })) }) }],
  });
  const told = (...writes: readonly object[]) => effectOf({ operation: 'plan', request: { writes } });
  const effect = 'Sets it to triggered: whoever is on call is paged.';
  expect(told(handing())).toBe(effect);
  expect(told(handing('Ada'), handing('Ada', 'Ben'))).toBe(`2 times: ${effect} It pages Ada, Ben.`);
});

test.each([
  [{ status: 'disabled' }, 'Disables the service: nobody is paged for it any more.'],
  [{ status: 'active' }, 'Enables the service: people are paged for it again.'],
  [
    { escalation_policy: { id: 'PE9', type: 'escalation_policy_reference' } },
    'Sends what comes for it to escalation policy PE9, whose first level is paged.',
  ],
  [
    { description: 'x', acknowledgement_timeout: null },
    'Changes of the service: description, acknowledgement_timeout. Nobody is paged by that itself.',
  ],
])('a change of a service, %j, is told by what it does to pages', (change, effect) => {
  expect(service(change)).toBe(effect);
});
