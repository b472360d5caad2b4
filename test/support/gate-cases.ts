import fc from 'fast-check';
import { newKeyPair } from '../../gate/statement.ts';
import { actionsOf, type Resource } from '../../pagerduty/catalogue/endpoint.ts';
import { anyRecords, anyRequest, resourceOfOperation } from './gate-requests.ts';
import type { Case, Person, WrittenGrant } from './reference-gate.ts';

const [botKey, leadKey, backupKey, thirdKey] = [1, 2, 3, 4].map(() => newKeyPair().publicKey) as [
  string,
  string,
  string,
  string,
];

/** Everybody who may say yes: two people, one of them under two names, and the bot's own person under two more. */
const operators: Readonly<Record<string, Person>> = {
  lead: { public_key: leadKey },
  twin: { public_key: leadKey },
  backup: { public_key: backupKey, pagerduty_user: 'PU2' },
  owner: { public_key: thirdKey, pagerduty_user: 'PU1' },
  bots: { public_key: botKey },
};

const some = (values: readonly string[]) => fc.subarray([...values], { minLength: 1 });
const values: Readonly<Record<string, readonly string[]>> = {
  services: ['PS1', 'PS2'],
  teams: ['PT1', 'PT2'],
  policies: ['PE1', 'PE2'],
  schedules: ['PC1', 'PC2'],
  assignee: ['PU1', 'PU2'],
  urgency: ['high', 'low'],
  status: ['triggered', 'acknowledged', 'resolved'],
};
/** Which conditions the configuration takes of which resource, and which an action cannot show. */
const conditions: Readonly<Record<string, readonly string[]>> = {
  incidents: ['services', 'teams', 'policies', 'urgency', 'status', 'assignee'],
  services: ['services', 'teams', 'policies'],
  schedules: ['schedules', 'teams'],
  escalation_policies: ['policies', 'teams'],
  users: ['teams'],
  teams: ['teams'],
  oncalls: ['policies', 'schedules'],
  events: [],
};
const blind: Readonly<Record<string, readonly string[]>> = {
  'incidents.create': ['status'],
  'services.create': ['services'],
  'escalation_policies.create': ['policies'],
  'users.create': ['teams'],
  'teams.create': ['teams'],
};

/** A moment, and hours that begin, end or hold at it, or do not. */
const hours = [
  '08:00-20:00 Europe/Berlin',
  '22:00-06:00 UTC',
  '10:00-10:01 UTC',
  '09:00-10:00 UTC',
  '00:00-24:00 Asia/Kolkata',
];
const moments = [
  '2026-06-24T10:00:00Z',
  '2026-06-24T05:59:59Z',
  '2026-06-24T06:00:00Z',
  '2026-06-24T23:30:00Z',
  '2026-03-29T01:00:00Z',
  '2026-10-25T00:30:00Z',
].map((text) => Date.parse(text));

/** One condition or two: with more, nothing would be allowed. */
const whenOf = (name: string) => {
  const [resource = ''] = name.split('.');
  const known = (conditions[resource] ?? []).filter((one) => !blind[name]?.includes(one));
  const any: Readonly<Record<string, fc.Arbitrary<readonly string[] | string | true>>> = {
    ...Object.fromEntries(known.map((one) => [one, some(values[one] ?? [])])),
    hours: fc.constantFrom(...hours),
    on_call: fc.constant(true as const),
  };
  return fc
    .subarray([...known, ...known, 'hours', 'on_call'], { minLength: 1, maxLength: 2 })
    .chain((chosen) =>
      fc.record(Object.fromEntries(chosen.map((one) => [one, any[one] ?? fc.constant(true as const)]))),
    );
};
/** Mostly absent, so that a decision hangs on one or two conditions and not on all at once. */
const rarely = fc.nat(9).map((die) => die === 0);

const anyGrant = (name: string): fc.Arbitrary<readonly [string, Case['grants'][string]]> => {
  const [resource = '', verb] = name.split('.');
  const levels =
    verb === undefined
      ? ['off', 'read', 'full', 'full', 'full', 'full']
      : verb === 'view'
        ? ['off', 'read', 'read', 'read', 'read']
        : ['off', 'full', 'full', 'full', 'full', 'full', 'full'];
  return fc
    .record({
      level: fc.constantFrom(...(levels as WrittenGrant['level'][])),
      when: fc.oneof(fc.constant({}), whenOf(name)),
      cap: fc.tuple(rarely, fc.constantFrom('1/hour', '3/day')),
      until: fc.tuple(rarely, fc.constantFrom('2026-06-24T10:00:00Z', '2026-06-24', '2027-01-01')),
      max: fc.tuple(rarely, fc.constantFrom(1, 2)),
      approval: fc.tuple(
        fc.nat(2),
        fc.constantFrom<NonNullable<WrittenGrant['approval']>>(
          'required',
          { people: 2 },
          { by: ['lead', 'bots', 'owner'] },
          { by: ['backup', 'twin'], people: 2 },
        ),
      ),
      urgency: some(['high', 'low']),
      keys: some(['checkout', 'search']),
    })
    .map(({ level, when, cap, until, max, approval, urgency, keys }) => {
      if (level === 'off') return [name, 'off'] as const;
      const isAct = verb !== 'view' && level === 'full';
      const grant: WrittenGrant = {
        level,
        when: name === 'incidents.acknowledge' ? { ...when, urgency } : when,
        ...(name === 'incidents.acknowledge' && { lease: '5m' }),
        ...(resource === 'events' && { routing_keys: keys }),
        ...(cap[0] && { cap: cap[1] }),
        ...(until[0] && { until: until[1] }),
        ...(max[0] && resource === 'incidents' && { max_incidents: max[1] }),
        ...(isAct && approval[0] === 0 && { approval: approval[1] }),
      };
      return [name, grant] as const;
    });
};

const namesOf = (resource: Resource): readonly string[] => [
  resource,
  ...actionsOf[resource].map((verb) => `${resource}.${verb}`),
];

const anyGrants = (resource: Resource) =>
  fc
    .tuple(
      fc
        .subarray([...namesOf(resource)], { minLength: 1 })
        .chain((names) => fc.tuple(...names.map(anyGrant))),
      fc.constantFrom<Resource>('incidents', 'services', 'users').chain((other) => anyGrant(other)),
    )
    .map(([own, other]) => {
      const grants: Record<string, Case['grants'][string]> = Object.fromEntries([other, ...own]);
      const all = grants['incidents'];
      // Full on incidents must say what becomes of acknowledging.
      if (typeof all === 'object' && all.level === 'full') grants['incidents.acknowledge'] ??= 'off';
      return grants;
    });

const anyDeny = (resource: Resource): fc.Arbitrary<Case['deny']> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.array(
        fc
          .constantFrom(...namesOf(resource))
          .chain((action) => whenOf(action).map((when) => ({ action, when }))),
        { minLength: 1, maxLength: 2 },
      ),
    },
  );

const teams = fc.subarray(['PT1', 'PT2', 'PT3']);
const named = (ids: readonly string[], arbitraries: object) =>
  fc.tuple(...ids.map((id) => fc.record({ id: fc.constant(id), ...arbitraries }))) as fc.Arbitrary<never>;

/** Everything that PagerDuty can say of the things that requests name. */
const anyFacts: fc.Arbitrary<Case['facts']> = fc.record({
  incidents: fc.tuple(
    ...(['P1', 'P2'] as const).map((id, index) =>
      fc.record({
        id: fc.constant(id),
        number: fc.constant(index + 1),
        status: fc.constantFrom('triggered', 'acknowledged', 'resolved'),
        urgency: fc.constantFrom('high', 'low'),
        service: fc.constantFrom('PS1', 'PS2', undefined),
        policy: fc.constantFrom('PE1', 'PE1', 'PE2', undefined),
        teams,
        assignees: fc.subarray(['PU1', 'PU2']),
        acknowledgers: fc.constant([]),
      }),
    ),
  ),
  services: named(['PS1', 'PS2'], { policy: fc.constantFrom('PE1', 'PE2', undefined), teams }),
  policies: named(['PE1', 'PE2'], { teams }),
  schedules: named(['PC1', 'PC2'], { teams }),
  users: named(['PU1', 'PU2'], { teams }),
  ourUsers: fc.constantFrom([], [], ['PU2']),
  ourDuty: fc.constantFrom(null, null, null, 'level 1 of Checkout'),
  duty: fc.subarray(['PE1', 'PE2', 'PE9']),
});

/** Any question on any configuration that is taken, with all that could be known. */
export const anyCase: fc.Arbitrary<Case> = anyRequest.chain(({ operation, request }) => {
  const resource = resourceOfOperation(operation);
  return fc.record({
    grants: anyGrants(resource),
    deny: anyDeny(resource),
    bot: fc.constant({ public_key: botKey, pagerduty_user: 'PU1' }),
    operators: fc.constant(operators),
    operation: fc.constant(operation),
    request: fc.constant(request),
    facts: anyFacts,
    now: fc.constantFrom(...moments),
    known: fc.nat(40).map((die) => die > 0),
    frozen: fc.nat(40).map((die) => die === 0),
    disabled: fc.nat(40).map((die) => die === 0),
    used: fc.constantFrom(0, 1, 2, 3),
    approvedBy: fc.subarray(Object.keys(operators)),
    records: anyRecords(operation),
  });
});
