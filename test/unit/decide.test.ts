import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { decide, type Question } from '../../gate/decide.ts';
import type { Facts } from '../../gate/facts.ts';
import { ask, limited, policyOf } from './questions.ts';

const change = (fields: object, status = 'triggered', id = 'P1'): Question =>
  ask('updateIncident', { params: { id }, body: { incident: { type: 'incident', ...fields } } }, status);
const list = (query: object): Question => ask('listIncidents', { query });
const event = (event_action: 'trigger' | 'resolve', routingKey = 'checkout'): Question =>
  ask('enqueueEvent', { routingKey, body: { event_action, dedup_key: 'k' } });

const asked = {
  view: ask('getIncident', { params: { id: 'P1' } }),
  'view notes': ask('listIncidentNotes', { params: { id: 'P1' } }),
  'add note': ask('createIncidentNote', { params: { id: 'P1' }, body: { note: { content: 'Hello.' } } }),
  acknowledge: change({ status: 'acknowledged' }),
  'acknowledge and edit': change({ status: 'acknowledged', title: 'New' }),
  'acknowledge resolved': change({ status: 'acknowledged' }, 'resolved'),
  unacknowledge: change({ status: 'triggered' }, 'acknowledged'),
  'trigger resolved': change({ status: 'triggered' }, 'resolved'),
  resolve: change({ status: 'resolved' }),
  'resolve #12': change({ status: 'resolved' }, 'triggered', '12'),
  'resolve #13': change({ status: 'resolved' }, 'triggered', '13'),
  edit: change({ title: 'New' }),
  'resolve and edit': change({ status: 'resolved', title: 'Over' }),
  list: list({}),
  'list PT1': list({ 'team_ids[]': ['PT1'] }),
  'list PT1 PT9': list({ 'team_ids[]': ['PT1', 'PT9'] }),
  'list PT9': list({ 'team_ids[]': ['PT9'] }),
  'list PS1': list({ 'service_ids[]': ['PS1'] }),
  'list low': list({ 'urgencies[]': ['low'] }),
  'list PT1 low': list({ 'team_ids[]': ['PT1'], 'urgencies[]': ['low'] }),
  'list open': list({ 'statuses[]': ['triggered', 'acknowledged'] }),
  'list all': list({ 'statuses[]': ['triggered', 'resolved'] }),
  service: ask('getService', { params: { id: 'PS1' } }),
  users: ask('listUsers', {}),
  'on-calls': ask('listOnCalls', {}),
  'on-calls PE1': ask('listOnCalls', { query: { 'escalation_policy_ids[]': ['PE1'] } }),
  'resolve event': event('resolve'),
  'trigger event': event('trigger'),
  'odd event': event('resolve', `x\n\u202E${'y'.repeat(200)}`),
} satisfies Record<string, Question>;

const incident = {
  id: 'P1',
  number: 12,
  status: 'triggered',
  urgency: 'high',
  service: 'PS1',
  policy: 'PE1',
  teams: ['PT1', 'PT2'],
  assignees: ['PADA'],
  acknowledgers: [],
};
const low = { ...incident, urgency: 'low' };
const onDuty = 'level 1 of escalation policy Checkout';
const service = { id: 'PS1', policy: 'PE1', teams: ['PT1'] };

const known: Readonly<Record<string, Facts>> = {
  nothing: {},
  high: { incidents: [incident], ourDuty: null },
  low: { incidents: [low], ourDuty: null },
  'low, duty unread': { incidents: [low] },
  'duty only': { ourDuty: null },
  'high, on duty': { incidents: [incident], ourDuty: onDuty },
  'low, on duty': { incidents: [low], ourDuty: onDuty },
  'no service': { incidents: [{ ...incident, service: undefined }] },
  'no team': { incidents: [{ ...incident, teams: [] }] },
  'another incident': { incidents: [{ ...incident, id: 'P2', number: 13 }] },
  service: { services: [service] },
  'no policy': { services: [{ ...service, policy: undefined }] },
};

/** Grants | what is asked | what is known | the answer | the sentence, or its end. */
const decisions = `
# Denied by default.
{} | view | nothing | denied | bot may not read incident P1: no grant covers incidents.view.
{} | list | nothing | denied | bot may not list incidents: no grant covers incidents.view.
{} | users | nothing | denied | bot may not list users: no grant covers users.view.
{} | on-calls | nothing | denied | bot may not list who is on call: no grant covers oncalls.view.
{} | service | nothing | denied | bot may not read service PS1: no grant covers services.view.
{} | add note | high | denied | bot may not add a note to incident #12 (P1): no grant covers incidents.add_note.
{} | resolve | high | denied | bot may not resolve incident #12 (P1): no grant covers incidents.resolve.
{} | resolve event | nothing | denied | bot may not send an event (routing key checkout): no grant covers events.resolve.
{ services: full, oncalls: read } | view | high | denied |
# Levels of a resource.
{ incidents: read } | view | nothing | allowed | bot may read incident P1: its grant on incidents is read.
{ incidents: read } | view notes | nothing | allowed |
{ incidents: read } | list | nothing | allowed | bot may list incidents: its grant on incidents is read.
{ incidents: read } | add note | high | denied | …: its grant on incidents is read, and incidents.add_note needs full.
{ incidents: read } | resolve | high | denied |
{ services: full } | service | nothing | allowed | bot may read service PS1: its grant on services is full.
{ incidents: full, incidents.acknowledge: off } | add note | high | allowed | …: its grant on incidents is full.
{ incidents: off } | view | nothing | denied | …: its grant on incidents is off, and incidents.view needs read.
{ oncalls: off } | on-calls | nothing | denied |
# An action's own level stands above its resource's, both ways.
{ incidents: read, incidents.add_note: full } | add note | high | allowed | …: its grant on incidents.add_note is full.
{ incidents: off, incidents.add_note: full } | add note | high | allowed |
{ incidents: full, incidents.acknowledge: off, incidents.resolve: off } | resolve | high | denied | bot may not resolve incident #12 (P1): its grant on incidents.resolve is off, and incidents.resolve needs full.
{ incidents: full, incidents.acknowledge: off, incidents.resolve: off } | add note | high | allowed |
{ incidents: full, incidents.acknowledge: off } | acknowledge | low | denied |
{ services: full, services.view: off } | service | nothing | denied |
{ services: off, services.view: read } | service | nothing | allowed |
{ incidents: { level: full, when: { urgency: [low] } }, incidents.acknowledge: off, incidents.resolve: full } | resolve | high | allowed |
{ incidents: full, incidents.acknowledge: off, incidents.resolve: { level: full, when: { urgency: [low] } } } | resolve | high | denied |
# Full on an action includes reading what it acts on, and nothing else.
{ incidents.add_note: full } | view | nothing | allowed | bot may read incident P1: its grant on incidents.add_note is full.
{ incidents.add_note: full } | view notes | nothing | allowed |
{ incidents.add_note: full } | list | nothing | denied | bot may not list incidents: no grant covers incidents.view.
{ incidents.add_note: full } | resolve | high | denied |
{ incidents.add_note: full } | service | nothing | denied |
{ incidents.add_note: full, incidents.view: off } | view | nothing | denied |
{ incidents.add_note: full, incidents: off } | view | nothing | allowed |
{ incidents.resolve: off } | view | nothing | denied |
{ incidents.add_note: { level: full, when: { teams: [PT2] } } } | view | high | allowed | bot may read incident #12 (P1): the team is PT1 and PT2, as its grant on incidents.add_note asks.
{ incidents.add_note: { level: full, when: { teams: [PT9] } } } | view | high | denied |
{ incidents.add_note: { level: full, when: { teams: [PT2] } } } | view | nothing | needs incidents |
{ incidents.add_note: { level: full, when: { teams: [PT9] } }, incidents.resolve: { level: full, when: { teams: [PT1] } } } | view | high | allowed |
# Conditions of an incident: met, not met, not read yet.
{ incidents.resolve: { level: full, when: { urgency: [high] } } } | resolve | high | allowed | bot may resolve incident #12 (P1): the urgency is high, as its grant on incidents.resolve asks.
{ incidents.resolve: { level: full, when: { urgency: [low] } } } | resolve | high | denied | bot may not resolve incident #12 (P1): the urgency is high; its grant covers low.
{ incidents.resolve: { level: full, when: { urgency: [low] } } } | resolve | nothing | needs incidents |
{ incidents.resolve: { level: full, when: { urgency: [high] } } } | resolve | another incident | needs incidents |
{ incidents.resolve: { level: full, when: { services: [PX, PS1] } } } | resolve | high | allowed |
{ incidents.resolve: { level: full, when: { services: [PX, PY] } } } | resolve | high | denied | …: the service is PS1; its grant covers PX and PY.
{ incidents.resolve: { level: full, when: { services: [PX] } } } | resolve | no service | denied | …: the service is not set; its grant covers PX.
{ incidents.resolve: { level: full, when: { teams: [PT2, PT9] } } } | resolve | high | allowed |
{ incidents.resolve: { level: full, when: { teams: [PT9] } } } | resolve | high | denied | …: the team is PT1 and PT2; its grant covers PT9.
{ incidents.resolve: { level: full, when: { teams: [PT9] } } } | resolve | no team | denied | …: the team is not set; its grant covers PT9.
{ incidents.resolve: { level: full, when: { policies: [PE1] } } } | resolve | high | allowed |
{ incidents.resolve: { level: full, when: { policies: [PE9] } } } | resolve | high | denied | …: the escalation policy is PE1; its grant covers PE9.
{ incidents.resolve: { level: full, when: { status: [triggered] } } } | resolve | high | allowed |
{ incidents.resolve: { level: full, when: { status: [acknowledged] } } } | resolve | high | denied | …: the status is triggered; its grant covers acknowledged.
{ incidents.resolve: { level: full, when: { teams: [PT1], urgency: [high] } } } | resolve | high | allowed | …: the team is PT1 and PT2 and the urgency is high, as its grant on incidents.resolve asks.
{ incidents.resolve: { level: full, when: { teams: [PT1], urgency: [low] } } } | resolve | high | denied | …: the urgency is high; its grant covers low.
# Conditions of a service.
{ services: { level: read, when: { services: [PS1] } } } | service | nothing | allowed |
{ services: { level: read, when: { services: [PS9] } } } | service | nothing | denied | bot may not read service PS1: the service is PS1; its grant covers PS9.
{ services: { level: read, when: { teams: [PT1] } } } | service | service | allowed |
{ services: { level: read, when: { teams: [PT9] } } } | service | service | denied |
{ services: { level: read, when: { teams: [PT1] } } } | service | nothing | needs services |
{ services: { level: read, when: { policies: [PE1] } } } | service | service | allowed |
{ services: { level: read, when: { policies: [PE1] } } } | service | no policy | denied |
# A list is cut to the grant, whatever is known; one that asks only for what lies outside is denied.
{ incidents: { level: read, when: { teams: [PT1] } } } | list | nothing | allowed | bot may list incidents: its grant on incidents is read, narrowed to team PT1.
{ incidents: { level: read, when: { teams: [PT1] } } } | list PT1 | nothing | allowed |
{ incidents: { level: read, when: { teams: [PT1] } } } | list PT1 PT9 | nothing | allowed | …narrowed to team PT1.
{ incidents: { level: read, when: { teams: [PT1] } } } | list PT9 | nothing | denied | …: the list asks for team PT9; its grant covers PT1.
{ incidents: { level: read, when: { teams: [PT1] } } } | list PS1 | nothing | allowed | …narrowed to team PT1.
{ incidents: { level: read, when: { urgency: [low] } } } | list low | nothing | allowed |
{ incidents: { level: read, when: { urgency: [low] } } } | list | low | allowed | …narrowed to urgency low.
{ incidents: { level: read, when: { status: [triggered, acknowledged] } } } | list open | nothing | allowed |
{ incidents: { level: read, when: { status: [triggered, acknowledged] } } } | list all | nothing | allowed | …narrowed to status triggered.
{ incidents: { level: read, when: { teams: [PT1], urgency: [low] } } } | list PT1 low | nothing | allowed |
{ incidents: { level: read, when: { teams: [PT1], urgency: [low] } } } | list PT1 | nothing | allowed | …: the team is PT1, as its grant on incidents asks, narrowed to urgency low.
{ incidents: { level: read, when: { policies: [PE1] } } } | list PT1 | nothing | allowed | …narrowed to escalation policy PE1.
{ oncalls: { level: read, when: { policies: [PE1] } } } | on-calls PE1 | nothing | allowed | …: the escalation policy is PE1, as its grant on oncalls asks.
{ oncalls: { level: read, when: { policies: [PE1] } } } | on-calls | nothing | allowed | …narrowed to escalation policy PE1.
# Acknowledging: never while our own user is on call.
{ incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } } } | acknowledge | low | allowed | bot may acknowledge incident #12 (P1): the urgency is low, as its grant on incidents.acknowledge asks.
{ incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } } } | acknowledge | high | denied | bot may not acknowledge incident #12 (P1): the urgency is high; its grant covers low.
{ incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } } } | acknowledge | nothing | needs incidents, ourDuty |
{ incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } } } | acknowledge | low, duty unread | needs ourDuty |
{ incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } } } | acknowledge | duty only | needs incidents |
{ incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } } } | acknowledge | low, on duty | denied | bot may not acknowledge incident #12 (P1): our own From user is on call (level 1 of escalation policy Checkout), so an acknowledge would silence a page that is meant for it; take that user off call.
{ incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } } } | view | low, on duty | allowed |
{ incidents.resolve: full } | resolve | high, on duty | allowed |
# What a change is hangs on the status.
{ incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } } } | acknowledge resolved | low | denied | bot may not acknowledge and reopen incident #12 (P1): no grant covers incidents.reopen.
{ incidents.unacknowledge: full } | trigger resolved | high | denied | bot may not reopen incident #12 (P1): no grant covers incidents.reopen.
{ incidents.reopen: full } | trigger resolved | high | allowed | bot may reopen incident #12 (P1): its grant on incidents.reopen is full.
{ incidents.unacknowledge: full } | unacknowledge | high | allowed | bot may un-acknowledge incident #12 (P1): its grant on incidents.unacknowledge is full.
# Two actions in one request: one that is refused refuses both.
{ incidents.resolve: full, incidents.edit: full } | resolve and edit | high | allowed | bot may resolve and edit incident #12 (P1): its grant on incidents.resolve is full and its grant on incidents.edit is full.
{ incidents.resolve: full } | resolve and edit | high | denied | bot may not resolve and edit incident #12 (P1): no grant covers incidents.edit.
{ incidents.edit: full } | resolve and edit | high | denied | bot may not resolve and edit incident #12 (P1): no grant covers incidents.resolve.
{ incidents: full, incidents.acknowledge: off, incidents.edit: off } | resolve and edit | high | denied | …: its grant on incidents.edit is off, and incidents.edit needs full.
{ incidents.resolve: { level: full, when: { urgency: [high] } } } | resolve and edit | nothing | denied |
# Events go by the names of their routing keys.
{ events.resolve: { level: full, routing_keys: [billing, checkout] } } | resolve event | nothing | allowed | bot may send an event (routing key checkout): its grant on events.resolve is full.
{ events.resolve: { level: full, routing_keys: [billing, search] } } | resolve event | nothing | denied | …: the routing key is checkout; its grant covers billing and search.
{ events.resolve: { level: full, routing_keys: [checkout] } } | trigger event | nothing | denied | …: no grant covers events.trigger.
{ events: { level: full, routing_keys: [checkout] } } | trigger event | nothing | allowed |
{ events: { level: read, routing_keys: [checkout] } } | trigger event | nothing | denied |
# PagerDuty takes an incident's number for its id.
{ incidents.resolve: { level: full, when: { urgency: [high] } } } | resolve #12 | high | allowed |
{ incidents.resolve: { level: full, when: { urgency: [low] } } } | resolve #12 | high | denied |
{ incidents.resolve: { level: full, when: { urgency: [high] } } } | resolve #13 | high | needs incidents |
`
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(/ \| ?/));

test('at least sixty decisions are stated, and no two are the same', () => {
  expect(decisions.length).toBeGreaterThanOrEqual(60);
  expect(new Set(decisions.map((cells) => cells.slice(0, 3).join())).size).toBe(decisions.length);
});

test.each(decisions)(
  'granted %s, asked to %s, knowing %s: %s',
  (grants = '', what, facts = '', answer, sentence) => {
    const question = asked[what as keyof typeof asked];
    const verdict = decide(policyOf(parse(grants) as object), question, known[facts]!);
    const wanted = answer?.startsWith('needs ')
      ? { decision: 'needs', needs: answer.slice('needs '.length).split(', ') }
      : { decision: answer, sentence: expect.stringMatching(/^bot may (not )?[^\n]+\.$/) };
    expect(verdict).toMatchObject(wanted);
    if (!sentence) return;
    if (sentence.startsWith('…'))
      expect(verdict).toMatchObject({ sentence: expect.stringMatching(endingIn(sentence)) });
    else expect(verdict).toMatchObject({ sentence });
  },
);

const endingIn = (sentence: string): RegExp =>
  new RegExp(`${sentence.slice(1).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);

test('an agent that is not there may nothing', () => {
  expect(decide(policyOf({ incidents: 'read' }), { ...asked.view, agent: 'other' }, {})).toEqual({
    decision: 'denied',
    rule: 'agents.other',
    sentence: 'other may not read incident P1: the configuration knows no agent of that name.',
  });
});

test('a request that asks for nothing is denied', () => {
  expect(decide(policyOf({ incidents: 'read' }), { ...asked.view, actions: [] }, {})).toMatchObject({
    decision: 'denied',
    sentence: 'bot may not read incident P1: the request asks for nothing the gate knows.',
  });
});

test('words from outside cannot break the sentence', () => {
  const { sentence } = decide(policyOf({}), asked['odd event'], {}) as { sentence: string };
  expect(sentence).toMatch(
    /^bot may not send an event \(routing key x ?y{20,60}[^\n\u202E]{0,40}\): no grant covers events\.resolve\.$/,
  );
});

test.each<[string, object, keyof typeof asked, string]>([
  [
    'the action’s own line',
    { incidents: 'read', 'incidents.resolve': 'full' },
    'resolve',
    '.incidents.resolve',
  ],
  ['the resource’s line', { incidents: 'read' }, 'view', '.incidents'],
  [
    'both lines of two actions',
    { 'incidents.resolve': 'full', 'incidents.edit': 'full' },
    'resolve and edit',
    '.incidents.resolve and agents.bot.grants.incidents.edit',
  ],
  [
    'the line that refused',
    { 'incidents.resolve': 'full', 'incidents.edit': limited('full', { urgency: ['low'] }) },
    'resolve and edit',
    '.incidents.edit',
  ],
  ['the grants, where none speaks', {}, 'view', ''],
])('the rule of a decision is %s', (_what, grants, what, rule) => {
  expect(decide(policyOf(grants), asked[what], known['high']!)).toMatchObject({
    rule: `agents.bot.grants${rule}`,
  });
});

test('an acknowledge is held for the time that its grant states, and nothing else is held', () => {
  const holding = { level: 'full', lease: '5m', when: { urgency: ['low'] } };
  const policy = policyOf({ 'incidents.acknowledge': holding, 'incidents.edit': 'full' });
  expect(decide(policy, asked.acknowledge, known['low']!)).toMatchObject({ leaseMs: 300_000 });
  expect(decide(policy, asked['acknowledge and edit'], known['low']!)).toMatchObject({ leaseMs: 300_000 });
  expect(decide(policy, asked.edit, known['low']!)).not.toHaveProperty('leaseMs');
});

test.each<[string, object, keyof typeof asked]>([
  [
    'of low urgency',
    { incidents: limited('read', { urgency: ['low'] }), 'incidents.add_note': 'full' },
    'view',
  ],
  [
    'of another team',
    { incidents: limited('read', { teams: ['PT9'] }), 'incidents.resolve': 'full' },
    'view notes',
  ],
])(
  'full on an action includes reading what it acts on, beside a grant of reading incidents %s',
  (_what, grants, what) => {
    expect(decide(policyOf(grants), asked[what], known['high']!).decision).toBe('allowed');
  },
);

test('where a condition of one of two actions fails, the sentence names that action', () => {
  const grants = { 'incidents.resolve': 'full', 'incidents.edit': limited('full', { urgency: ['low'] }) };
  const verdict = decide(policyOf(grants), asked['resolve and edit'], known['high']!);
  expect(verdict).toMatchObject({ decision: 'denied', sentence: expect.stringContaining('incidents.edit') });
});
