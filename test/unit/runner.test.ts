import { expect, test } from 'vitest';
import type { Question } from '../../gate/decide.ts';
import type { IncidentFacts } from '../../gate/facts.ts';
import { decideForRunner, type ReleaseFacts, type ReleaseRequest } from '../../gate/runner.ts';
import { type Action, actionsOf } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, type RequestOf } from '../../pagerduty/catalogue/index.ts';
import { ask } from './questions.ts';

const incident: IncidentFacts = {
  id: 'P1',
  number: 12,
  status: 'acknowledged',
  urgency: 'high',
  service: 'PS1',
  policy: 'PNOW',
  teams: [],
  assignees: ['PBOT'],
  acknowledgers: ['PBOT'],
};
const facts: ReleaseFacts = {
  incidents: [incident],
  ourUsers: ['PBOT', 'PBOT2'],
  holder: null,
  recordedPolicy: 'PHOME',
};

const holder = (isAsking: boolean) => ({ workflowId: 'respond:main:P1', isAsking, agent: 'triage-bot' });
const back = (policy: string | undefined, more: object = {}): RequestOf<'updateIncident'> => ({
  params: { id: 'P1' },
  body: {
    incident: {
      type: 'incident_reference',
      status: 'triggered',
      ...(policy !== undefined && { escalation_policy: { id: policy, type: 'escalation_policy_reference' } }),
      ...more,
    },
  },
});

/** What the gate says to the runner's request, on an incident of the status that the facts show. */
const judge = (request: RequestOf<'updateIncident'>, known: ReleaseFacts) =>
  decideForRunner(
    ask('updateIncident', request, known.incidents?.[0]?.status),
    request as ReleaseRequest,
    known,
  );

const refusals = {
  status: /^runner may not .+: the incident is (triggered|resolved), so there is nothing to give back\.$/,
  nobody: /: nobody is said to have acknowledged it\.$/,
  person: /: a person has acknowledged it as well \(\w+\)\.$/,
  held: /: triage-bot holds it under a lease that still runs \(respond:main:P1\)\.$/,
  policy: /: it belongs to escalation policy \w+, and goes back nowhere else\.$/,
} as const;

test.each<
  [
    string,
    Partial<IncidentFacts>,
    Partial<ReleaseFacts>,
    string | undefined,
    keyof typeof refusals | 'released',
  ]
>([
  ['ours alone', {}, {}, 'PHOME', 'released'],
  ['two of ours', { acknowledgers: ['PBOT', 'PBOT2'] }, {}, 'PHOME', 'released'],
  ['ours, held by the run that asks', {}, { holder: holder(true) }, 'PHOME', 'released'],
  ['ours, without a recorded policy', {}, { recordedPolicy: null }, 'PNOW', 'released'],
  ['ours, without any policy', { policy: undefined }, { recordedPolicy: null }, undefined, 'released'],
  ['ours, of low urgency', { urgency: 'low' }, {}, 'PHOME', 'released'],
  ['ours, assigned to a person', { assignees: ['PADA'] }, {}, 'PHOME', 'released'],
  ['a person alone', { acknowledgers: ['PADA'] }, {}, 'PHOME', 'person'],
  ['a person and ours', { acknowledgers: ['PBOT', 'PADA'] }, {}, 'PHOME', 'person'],
  [
    'a person, held by the run that asks',
    { acknowledgers: ['PADA'] },
    { holder: holder(true) },
    'PHOME',
    'person',
  ],
  ['ours, and none of our users known', {}, { ourUsers: [] }, 'PHOME', 'person'],
  ['nobody', { acknowledgers: [] }, {}, 'PHOME', 'nobody'],
  ['triggered already', { status: 'triggered', acknowledgers: [] }, {}, 'PHOME', 'status'],
  ['triggered, with an old acknowledgement', { status: 'triggered' }, {}, 'PHOME', 'status'],
  ['resolved', { status: 'resolved' }, {}, 'PHOME', 'status'],
  ['ours, held by another run', {}, { holder: holder(false) }, 'PHOME', 'held'],
  ['ours, back to where it is now', {}, {}, 'PNOW', 'policy'],
  ['ours, back to a third policy', {}, {}, 'POTHER', 'policy'],
  ['ours, back without naming the policy', {}, {}, undefined, 'policy'],
  ['ours, without a recorded policy, elsewhere', {}, { recordedPolicy: null }, 'PHOME', 'policy'],
  ['ours, without any policy, to one', { policy: undefined }, { recordedPolicy: null }, 'PHOME', 'policy'],
])('acknowledged by %s', (_what, fields, known, policy, answer) => {
  const verdict = judge(back(policy), { ...facts, ...known, incidents: [{ ...incident, ...fields }] });
  if (answer === 'released') {
    expect(verdict).toEqual({
      decision: 'allowed',
      rule: 'runner may release',
      sentence:
        'runner gives incident #12 (P1) back to people: only our own user has acknowledged it, and giving back is never refused.',
    });
  } else {
    expect(verdict).toEqual({
      decision: 'denied',
      rule: 'runner may release',
      sentence: expect.stringMatching(refusals[answer]),
    });
  }
});

test.each<[string, RequestOf<'updateIncident'>]>([
  ['a title beside it', back('PHOME', { title: 'x' })],
  ['an urgency beside it', back('PHOME', { urgency: 'low' })],
  [
    'assignees beside it',
    back('PHOME', { assignments: [{ assignee: { id: 'PBOT', type: 'user_reference' } }] }),
  ],
  ['a move beside it', back('PHOME', { service: { id: 'PS2', type: 'service_reference' } })],
  ['a level beside it', back('PHOME', { escalation_level: 3 })],
  ['an acknowledge', back('PHOME', { status: 'acknowledged' })],
  ['a resolve', back('PHOME', { status: 'resolved' })],
  ['another policy, and no status', back('PHOME', { status: undefined })],
])('the runner may release and nothing more: %s is denied', (_what, request) => {
  expect(judge(request, facts)).toEqual({
    decision: 'denied',
    rule: 'runner may release',
    sentence: expect.stringMatching(
      /^runner may not .+: it may only look, and give incidents back to people\.$/,
    ),
  });
});

test.each<Question>([
  ask('createIncidentNote', { params: { id: 'P1' }, body: { note: { content: 'x' } } }),
  ask('enqueueEvent', { routingKey: 'checkout', body: { event_action: 'resolve', dedup_key: 'k' } }),
])('$operation is not the runner’s', (question) => {
  expect(decideForRunner(question, {}, facts)).toMatchObject({ decision: 'denied' });
  // Not even where its body looks like a release.
  expect(decideForRunner(question, back('PHOME') as ReleaseRequest, facts)).toMatchObject({
    decision: 'denied',
  });
});

test.each<Question>([
  ask('getIncident', { params: { id: 'P1' } }),
  ask('listIncidents', { query: { 'statuses[]': ['acknowledged'] } }),
  ask('listIncidentNotes', { params: { id: 'P1' } }),
  ask('listUsers', {}),
  ask('listOnCalls', {}),
  ask('getService', { params: { id: 'PS1' } }),
])('$operation is allowed to the runner: it may look', (question) => {
  expect(decideForRunner(question, {}, {})).toEqual({
    decision: 'allowed',
    rule: 'runner may view',
    sentence: expect.stringMatching(/^runner may (list|read) .+: it may look\.$/),
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
        return decideForRunner(question, {}, facts).decision === 'allowed';
      }),
  );
  expect(allowed.length).toBeGreaterThan(0);
  expect(allowed.filter((action) => !action.endsWith('.view'))).toEqual([]);
});

test('a look beside another action, or no action at all, is denied', () => {
  const question = ask('getIncident', { params: { id: 'P1' } });
  expect(
    decideForRunner({ ...question, actions: ['incidents.view', 'incidents.add_note'] }, {}, facts),
  ).toMatchObject({ decision: 'denied' });
  expect(decideForRunner({ ...question, actions: [] }, {}, facts)).toMatchObject({ decision: 'denied' });
});

test('a release asks for the incident first, then for who holds it', () => {
  expect(judge(back('PHOME'), {})).toEqual({ decision: 'needs', needs: ['incidents'] });
  for (const unread of ['ourUsers', 'holder', 'recordedPolicy'] as const) {
    const { [unread]: _gone, ...known } = facts;
    expect(judge(back('PHOME'), known)).toEqual({
      decision: 'needs',
      needs: ['ourUsers', 'holder', 'recordedPolicy'],
    });
  }
});

test('what the runner sends is what the catalogue takes', () => {
  for (const policy of ['PHOME', undefined])
    expect(catalogue.updateIncident.request.safeParse(back(policy)).error).toBeUndefined();
});
