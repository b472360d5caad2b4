import type { Decision, decideForOperator, Question, Undecided } from '../../gate/decide.ts';
import type { IncidentFacts, Switches } from '../../gate/facts.ts';
import type { decideForRunner, ReleaseFacts, ReleaseRequest } from '../../gate/runner.ts';
import type { RequestOf } from '../../pagerduty/catalogue/index.ts';
import { ask } from './questions.ts';

// What the gate says to those who are no agents: the runner and operators.

/** The two gates for them: the real ones, or mutants. */
export interface OtherGates {
  readonly decideForRunner: typeof decideForRunner;
  readonly decideForOperator: typeof decideForOperator;
}

/** What is asked, and what must be said. */
export interface OtherCase {
  readonly what: string;
  readonly said: (gates: OtherGates) => Decision | Undecided;
  readonly wanted: {
    readonly decision: Decision['decision'] | 'needs';
    readonly rule?: string;
    readonly sentence?: string | RegExp;
    readonly needs?: readonly string[];
  };
}

/** How what is said differs from a case; `undefined` where it does not. */
export function differenceIn({ said, wanted }: OtherCase, gates: OtherGates): string | undefined {
  const word = said(gates);
  const { decision, rule, sentence, needs } = { rule: undefined, sentence: '', needs: undefined, ...word };
  const fits =
    decision === wanted.decision &&
    (wanted.rule === undefined || rule === wanted.rule) &&
    (typeof wanted.sentence === 'object'
      ? wanted.sentence.test(sentence)
      : wanted.sentence === undefined || sentence === wanted.sentence) &&
    needs?.join() === wanted.needs?.join();
  return fits ? undefined : JSON.stringify(word);
}

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
export const releaseFacts: ReleaseFacts = {
  incidents: [incident],
  ourUsers: ['PBOT', 'PBOT2'],
  holder: null,
  recordedPolicy: 'PHOME',
};

const holder = (isAsking: boolean) => ({ workflowId: 'respond:main:P1', isAsking, agent: 'triage-bot' });

/** The request that gives P1 back to an escalation policy. */
export const back = (policy: string | undefined, more: object = {}): RequestOf<'updateIncident'> => ({
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

const refusals = {
  status: /^runner may not .+: the incident is (triggered|resolved), so there is nothing to give back\.$/,
  nobody: /: nobody is said to have acknowledged it\.$/,
  person: /: a person has acknowledged it as well \(\w+\)\.$/,
  held: /: triage-bot holds it under a lease that still runs \(respond:main:P1\)\.$/,
  handed: /: it was handed to PADA, and goes back to nobody else\.$/,
  policy: /: it belongs to escalation policy \w+, and goes back nowhere else\.$/,
  more: /^runner may not .+: it may only look, and give incidents back to people\.$/,
} as const;
const released = {
  decision: 'allowed',
  rule: 'runner may release',
  sentence:
    'runner gives incident #12 (P1) back to people: only our own user has acknowledged it, and giving back is never refused.',
} as const;

/** What the gate says to the runner's request, on an incident of the status that the facts show. */
const releasing =
  (request: RequestOf<'updateIncident'>, known: ReleaseFacts) =>
  ({ decideForRunner }: OtherGates) =>
    decideForRunner(
      ask('updateIncident', request, known.incidents?.[0]?.status),
      request as ReleaseRequest,
      known,
    );

type Held = [
  string,
  Partial<IncidentFacts>,
  Partial<ReleaseFacts>,
  string | undefined,
  keyof typeof refusals | 'released',
];
const held: readonly Held[] = [
  ['ours alone', {}, {}, 'PHOME', 'released'],
  ['two of ours', { acknowledgers: ['PBOT', 'PBOT2'] }, {}, 'PHOME', 'released'],
  ['ours, held by the run that asks', {}, { holder: holder(true) }, 'PHOME', 'released'],
  ['ours, without a recorded policy', {}, { recordedPolicy: null }, 'PNOW', 'released'],
  ['ours, without any policy', { policy: undefined }, { recordedPolicy: null }, undefined, 'released'],
  ['ours, of low urgency', { urgency: 'low' }, {}, 'PHOME', 'released'],
  ['ours, assigned to a person', { assignees: ['PADA'] }, {}, 'PHOME', 'released'],
  ['ours, handed to a person', { assignees: ['PADA'], chosen: true }, {}, undefined, 'released'],
  ['ours, handed to a person, to a policy', { assignees: ['PADA'], chosen: true }, {}, 'PHOME', 'handed'],
  [
    'ours, handed to a person and to us',
    { assignees: ['PBOT', 'PADA'], chosen: true },
    {},
    'PHOME',
    'handed',
  ],
  ['ours, handed to us alone', { assignees: ['PBOT'], chosen: true }, {}, 'PHOME', 'released'],
  [
    'ours, handed to us alone, and left there',
    { assignees: ['PBOT'], chosen: true },
    {},
    undefined,
    'policy',
  ],
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
];

const more: readonly (readonly [string, object])[] = [
  ['a title beside it', { title: 'x' }],
  ['an urgency beside it', { urgency: 'low' }],
  ['assignees beside it', { assignments: [{ assignee: { id: 'PBOT', type: 'user_reference' } }] }],
  ['a move beside it', { service: { id: 'PS2', type: 'service_reference' } }],
  ['a level beside it', { escalation_level: 3 }],
  ['an acknowledge', { status: 'acknowledged' }],
  ['a resolve', { status: 'resolved' }],
  ['another policy, and no status', { status: undefined }],
];

const view = ask('getIncident', { params: { id: 'P1' } });
const runnerAsks =
  (question: Question, request: ReleaseRequest = {}, facts: ReleaseFacts = releaseFacts) =>
  ({ decideForRunner }: OtherGates) =>
    decideForRunner(question, request, facts);
const denied = { decision: 'denied', rule: 'runner may release' } as const;

export const runnerCases: readonly OtherCase[] = [
  ...held.map(
    ([what, fields, known, policy, answer]): OtherCase => ({
      what: `a release of what was acknowledged by ${what}`,
      said: releasing(back(policy), { ...releaseFacts, ...known, incidents: [{ ...incident, ...fields }] }),
      wanted: answer === 'released' ? released : { ...denied, sentence: refusals[answer] },
    }),
  ),
  ...more.map(
    ([what, fields]): OtherCase => ({
      what: `a release with ${what}`,
      said: releasing(back('PHOME', fields), releaseFacts),
      wanted: { ...denied, sentence: refusals.more },
    }),
  ),
  ...[
    ask('createIncidentNote', { params: { id: 'P1' }, body: { note: { content: 'x' } } }),
    ask('enqueueEvent', { routingKey: 'checkout', body: { event_action: 'resolve', dedup_key: 'k' } }),
  ].flatMap((question): OtherCase[] => [
    { what: `${question.operation}`, said: runnerAsks(question), wanted: denied },
    {
      what: `${question.operation}, whose body looks like a release`,
      said: runnerAsks(question, back('PHOME') as ReleaseRequest),
      wanted: denied,
    },
  ]),
  ...[
    view,
    ask('listIncidents', { query: { 'statuses[]': ['acknowledged'] } }),
    ask('listUsers', {}),
    ask('listOnCalls', {}),
  ].map(
    (question): OtherCase => ({
      what: `${question.operation}, which only looks`,
      said: runnerAsks(question, {}, {}),
      wanted: {
        decision: 'allowed',
        rule: 'runner may view',
        sentence: /^runner may (list|read) .+: it may look\.$/,
      },
    }),
  ),
  {
    what: 'a look beside another action',
    said: runnerAsks({ ...view, actions: ['incidents.view', 'incidents.add_note'] }),
    wanted: denied,
  },
  { what: 'no action at all', said: runnerAsks({ ...view, actions: [] }), wanted: denied },
  {
    what: 'a release of which nothing is known',
    said: releasing(back('PHOME'), {}),
    wanted: { decision: 'needs', needs: ['incidents'] },
  },
  ...(['ourUsers', 'holder', 'recordedPolicy'] as const).map((unread): OtherCase => {
    const { [unread]: _gone, ...known } = releaseFacts;
    return {
      what: `a release of which ${unread} is not known`,
      said: releasing(back('PHOME'), known),
      wanted: { decision: 'needs', needs: ['ourUsers', 'holder', 'recordedPolicy'] },
    };
  }),
];

const webhooks = ask('listWebhookSubscriptions', {});
const operatorAsks =
  (question: Question, switches?: Partial<Switches>) =>
  ({ decideForOperator }: OtherGates) =>
    decideForOperator(
      { ...question, agent: 'lead' },
      {},
      switches && { frozen: null, disabled: null, uses: {}, ...switches },
    );

export const operatorCases: readonly OtherCase[] = [
  {
    what: 'webhook subscriptions',
    said: operatorAsks(webhooks),
    wanted: {
      decision: 'allowed',
      rule: 'operators.lead',
      sentence: 'lead may list webhook subscriptions: operators look after webhook subscriptions.',
    },
  },
  {
    what: 'webhook subscriptions while everything is frozen',
    said: operatorAsks(webhooks, { frozen: 'since noon by ada' }),
    wanted: { decision: 'allowed' },
  },
  {
    what: 'webhook subscriptions of an operator who is disabled',
    said: operatorAsks(webhooks, { disabled: 'since noon by ada' }),
    wanted: {
      decision: 'denied',
      rule: 'agents disable',
      sentence: 'lead may not list webhook subscriptions: this operator is disabled since noon by ada.',
    },
  },
  {
    what: 'a look at an incident',
    said: operatorAsks(view),
    wanted: {
      decision: 'allowed',
      rule: 'operators.lead',
      sentence: 'lead may read incident P1: operators may look at incidents.',
    },
  },
  {
    what: 'a look beside webhook subscriptions',
    said: operatorAsks({ ...webhooks, actions: [...webhooks.actions, 'incidents.view'] }),
    wanted: {
      decision: 'allowed',
      sentence: /: operators look after webhook subscriptions and operators may look at incidents\.$/,
    },
  },
  {
    what: 'what agents do',
    said: operatorAsks({ ...view, actions: ['services.view'] }),
    wanted: {
      decision: 'denied',
      rule: 'operators.lead',
      sentence: /: services\.view is for agents; start it as one\.$/,
    },
  },
  {
    what: 'what agents do, beside webhook subscriptions',
    said: operatorAsks({ ...webhooks, actions: [...webhooks.actions, 'incidents.resolve'] }),
    wanted: { decision: 'denied', sentence: /: incidents\.resolve is for agents; start it as one\.$/ },
  },
  {
    what: 'nothing that the gate knows',
    said: operatorAsks({ ...webhooks, actions: [] }),
    wanted: { decision: 'denied', sentence: /: this is for agents; start it as one\.$/ },
  },
];
