import { describe, expect, test } from 'vitest';
import { decide, type Question } from '../../gate/decide.ts';
import { decideToPutBack } from '../../gate/people-first.ts';
import { NotPermitted, type Purpose, permitFor, permitToLook, spent } from '../../gate/permit.ts';
import { decideForRunner } from '../../gate/runner.ts';
import { isWrite } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, operationNames } from '../../pagerduty/catalogue/index.ts';
import { ask, policyOf } from './questions.ts';
import { sampleRequests } from './sample-requests.ts';

const request = { params: { id: 'P1' }, body: { note: { content: 'Hello.' } } };
const purpose: Purpose = { request: 'd1', workflowId: 'note:main:P1', runId: 'run-1' };
const call = { ...purpose, agent: 'bot', name: 'createIncidentNote' } as const;
const entry = { seq: 7, hash: 'f'.repeat(64) };
const policy = policyOf({ 'incidents.add_note': 'full' });
const question: Question = { ...ask('createIncidentNote', request), for: purpose };
const yes = () => decide(policy, question, {});

describe('what the gate allowed', () => {
  test('is sent as it stands in the permit, once', () => {
    const permit = permitFor(yes(), entry, call, request);
    expect(permit.name).toBe('createIncidentNote');
    expect(spent(permit)).toBe(request);
    expect(() => spent(permit)).toThrow(
      new NotPermitted('The permit for createIncidentNote was used already; nothing was sent.'),
    );
  });

  test('goes out narrowed or with its mark: the permit holds what is sent', () => {
    const marked = { ...request, body: { note: { content: 'Hello. [mark]' } } };
    expect(spent(permitFor(yes(), entry, call, marked))).toBe(marked);
  });

  test.each([
    ['agent', { agent: 'other' }, 'agent'],
    ['operation', { name: 'updateIncident' }, 'operation'],
    ['request', { request: 'd2' }, 'request'],
    ['Workflow', { workflowId: 'note:main:P2' }, 'workflowId'],
    ['run', { runId: 'run-2' }, 'runId'],
  ] as const)('is no permit for another %s', (_what, change, named) => {
    expect(() => permitFor(yes(), entry, { ...call, ...change } as never, request)).toThrow(
      `the gate allowed it to another ${named}`,
    );
  });

  test('is no permit before it is written down', () => {
    expect(() => permitFor(yes(), { seq: 0, hash: '' }, call, request)).toThrow(
      'no entry says that it was allowed',
    );
  });
});

describe('no permit', () => {
  test.each([
    ['is made of a denial', () => decide(policyOf({}), question, {})],
    [
      'is made of a decision that still needs facts',
      () =>
        decide(
          policyOf({ 'incidents.add_note': { level: 'full', when: { urgency: ['low'] } } }),
          question,
          {},
        ),
    ],
    [
      'is made of a yes that somebody wrote down himself',
      () => ({ decision: 'allowed', rule: 'mine', sentence: 'I may.' }),
    ],
    ['is made of a copy of the gate’s own yes', () => ({ ...yes() })],
    ['is made of a yes that came back as JSON', () => JSON.parse(JSON.stringify(yes())) as object],
  ])('%s', (_what, decision) => {
    expect(() => permitFor(decision(), entry, call, request)).toThrow('the gate did not allow it');
  });

  test('is made of an answer to what was only asked', () => {
    const { for: _purpose, ...asked } = question;
    const answer = decide(policy, asked, {});
    expect(answer.decision).toBe('allowed');
    expect(() => permitFor(answer, entry, call, request)).toThrow(
      'the gate was only asked what it would say',
    );
  });

  test('can be made by hand', () => {
    expect(() => spent({ name: 'createIncidentNote', spend: undefined } as never)).toThrow(TypeError);
  });
});

test('the runner’s yes and the putting back in people’s favour are the gate’s as well', () => {
  const look: Question = { ...ask('getIncident', { params: { id: 'P1' } }), agent: 'runner', for: purpose };
  const seen = { params: { id: 'P1' } };
  const looking = { ...call, agent: 'runner', name: 'getIncident' } as const;
  expect(spent(permitFor(decideForRunner(look, {}, {}), entry, looking, seen))).toBe(seen);
  const back = { ...look, operation: 'updateIncident' };
  const incident = {
    id: 'P1',
    number: 12,
    status: 'acknowledged',
    urgency: 'high',
    service: undefined,
    policy: undefined,
    teams: [],
    assignees: [],
    acknowledgers: [],
  };
  const undone = decideToPutBack(back, incident, { acts: [], amends: { status: 'resolved' } });
  const undo = {
    params: { id: 'P1' },
    body: { incident: { type: 'incident', status: 'resolved' } },
  } as const;
  expect(spent(permitFor(undone, entry, { ...looking, name: 'updateIncident' }, undo))).toBe(undo);
});

test('what a decision needs to know is read, and nothing is changed by a look', () => {
  for (const name of operationNames) {
    const [sample] = sampleRequests(catalogue[name]);
    const look = () => spent(permitToLook(name, sample as never));
    if (isWrite(catalogue[name])) expect(look).toThrow(`${name} is no look: it changes PagerDuty.`);
    else expect(look()).toBe(sample);
  }
});
