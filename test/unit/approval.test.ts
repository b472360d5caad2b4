import { describe, expect, test } from 'vitest';
import { decide } from '../../gate/decide.ts';
import type { Facts } from '../../gate/facts.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { newKeyPair } from '../../gate/statement.ts';
import { ask, policyOf } from './questions.ts';

const botKey = newKeyPair().publicKey;
const keyOf = () => newKeyPair().publicKey;
const policy = (approval: unknown, bot: object = {}, operators: object = {}) =>
  parsePolicy(
    JSON.stringify({
      agents: {
        bot: {
          public_key: botKey,
          grants: { 'incidents.resolve': { level: 'full', approval }, 'incidents.edit': 'full' },
          ...bot,
        },
      },
      operators: {
        lead: { public_key: keyOf(), pagerduty_user: 'PLEAD' },
        deputy: { public_key: keyOf() },
        ops: { public_key: keyOf() },
        ...operators,
      },
    }),
  );

const request = {
  params: { id: 'P1' },
  body: { incident: { type: 'incident_reference', status: 'resolved' } },
} as const;
const facts: Facts = {
  incidents: [
    {
      id: 'P1',
      number: 12,
      status: 'triggered',
      urgency: 'high',
      service: 'PS1',
      policy: 'PE1',
      teams: [],
      assignees: [],
      acknowledgers: [],
    },
  ],
};
const say = (written: ReturnType<typeof policy>, approvedBy: readonly string[] = []) =>
  decide(written, { ...ask('updateIncident', request, 'triggered'), approvedBy }, facts);

describe('a step that needs a word', () => {
  test('is asked of any operator where the grant names none', () => {
    expect(say(policy('required'))).toMatchObject({
      decision: 'approval_needed',
      by: ['lead', 'deputy', 'ops'],
      people: 1,
      sentence:
        'bot may resolve incident #12 (P1) once one of lead, deputy and ops approves: its grant on incidents.resolve is full.',
    });
    expect(say(policy('required'), ['ops'])).toMatchObject({
      decision: 'allowed',
      approvedBy: ['ops'],
      sentence: 'bot may resolve incident #12 (P1): its grant on incidents.resolve is full, approved by ops.',
    });
  });

  test('goes on by the word of those whom the grant names, and of nobody else', () => {
    const named = policy({ by: ['lead'] });
    expect(say(named, ['ops', 'deputy'])).toMatchObject({ decision: 'approval_needed', approvedBy: [] });
    const allowed = say(named, ['ops', 'lead']);
    expect(allowed).toMatchObject({ decision: 'allowed', approvedBy: ['lead'] });
    expect(allowed).toMatchObject({ sentence: expect.stringMatching(/approved by lead\.$/) });
  });

  test('that two people must approve asks for the second', () => {
    const two = policy({ by: ['lead', 'ops'], people: 2 });
    expect(say(two, ['ops'])).toMatchObject({
      decision: 'approval_needed',
      by: ['lead'],
      people: 1,
      approvedBy: ['ops'],
    });
    expect(say(two, ['ops', 'ops'])).toMatchObject({ decision: 'approval_needed' });
    expect(say(two, ['ops', 'lead'])).toMatchObject({
      decision: 'allowed',
      sentence: expect.stringMatching(/approved by lead and ops\.$/),
    });
  });
});

describe('nobody approves what their own agent asks for', () => {
  const shared = keyOf();
  test.each<[string, object, object]>([
    ['the person it works for', { pagerduty_user: 'PLEAD' }, {}],
    ['one with the agent’s key', { public_key: shared }, { lead: { public_key: shared } }],
    [
      'one who has the agent’s key of before a rotation',
      { previous_keys: [{ public_key: shared, until: '2026-01-01T00:00:00Z' }] },
      { lead: { public_key: shared } },
    ],
  ])('%s', (_who, bot, operators) => {
    const written = policy({ by: ['lead'] }, bot, operators);
    expect(say(written, ['lead'])).toMatchObject({
      decision: 'approval_needed',
      by: [],
      sentence: expect.stringContaining(
        'once an operator who may approve it is in the configuration; there is none',
      ),
    });
  });
});

test('reading needs nobody’s word, also where one grant covers it beside the acts', () => {
  const all = policyOf({
    incidents: { level: 'full', approval: 'required' },
    'incidents.acknowledge': 'off',
  });
  expect(decide(all, ask('getIncident', { params: { id: 'P1' } }), facts)).toMatchObject({
    decision: 'allowed',
  });
  expect(decide(all, ask('updateIncident', request, 'triggered'), facts)).toMatchObject({
    decision: 'approval_needed',
  });
});
