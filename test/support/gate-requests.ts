import fc from 'fast-check';
import type { Resource } from '../../pagerduty/catalogue/endpoint.ts';
import type { Thing } from './reference-gist.ts';

const to = (id: string, type: string) => ({ id, type: `${type}_reference` });
const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const ids = (...known: readonly string[]) => fc.subarray([...known], { minLength: 1 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const defined = <T extends object>(record: T): T =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
const query = (filters: Readonly<Record<string, fc.Arbitrary<unknown>>>) =>
  fc
    .record(Object.fromEntries(Object.entries(filters).map(([name, values]) => [name, maybe(values)])))
    .map((filled) => ({ query: defined(filled) }));
const byId = (...known: readonly string[]) => oneOf(...known).map((id) => ({ params: { id } }));
/** The same, now and then with more of the answer in full. */
const including = (request: fc.Arbitrary<object>, ...names: readonly string[]) =>
  fc.tuple(request, fc.nat(5), ids(...names)).map(([plain, die, included]) => {
    const { query: own = {} } = plain as { readonly query?: object };
    return die > 0 ? plain : { ...plain, query: { ...own, 'include[]': included } };
  });

const fields = {
  status: maybe(oneOf('triggered', 'acknowledged', 'acknowledged', 'resolved')),
  title: maybe(oneOf('New')),
  urgency: maybe(oneOf('high', 'low')),
  escalation_level: maybe(oneOf(2)),
  assignments: maybe(ids('PU1', 'PU2').map((all) => all.map((id) => ({ assignee: to(id, 'user') })))),
  escalation_policy: maybe(oneOf('PE1', 'PE2').map((id) => to(id, 'escalation_policy'))),
};
/** One or two changes at once: with more, everything is refused. */
const anyChange = (more: object = {}) =>
  fc.tuple(fc.record({ ...fields, ...more }), fc.nat(), fc.nat()).map(([change, a, b]) => {
    const present = Object.entries(change).filter(([, value]) => value !== undefined);
    const kept = [present[a % present.length], present[b % present.length]].filter(
      (one) => one !== undefined,
    );
    return { type: 'incident', ...(kept.length > 0 ? Object.fromEntries(kept) : { status: 'resolved' }) };
  });

const time = { start: '2026-06-24T10:00:00Z', end: '2026-06-24T12:00:00Z' };

/** Requests of every operation that an agent can be granted. */
const requests: Readonly<Record<string, fc.Arbitrary<object>>> = {
  listIncidents: including(
    query({
      'service_ids[]': ids('PS1', 'PS2'),
      'team_ids[]': ids('PT1', 'PT2', 'PT3'),
      'urgencies[]': ids('high', 'low'),
      'statuses[]': ids('triggered', 'resolved'),
      'user_ids[]': ids('PU1', 'PU2'),
    }),
    'assignees',
    'services',
    'priorities',
  ),
  getIncident: including(byId('P1', '2'), 'users', 'teams', 'agents'),
  listIncidentNotes: byId('P1'),
  listIncidentAlerts: including(byId('P2'), 'services', 'incidents'),
  listIncidentLogEntries: byId('P1'),
  createIncidentNote: byId('P1', '2').map((request) => ({
    ...request,
    body: { note: { content: 'Hello.' } },
  })),
  createIncident: fc
    .record({
      service: oneOf('PS1', 'PS2').map((id) => to(id, 'service')),
      urgency: maybe(oneOf('high', 'low')),
      where: oneOf(
        {},
        { escalation_policy: to('PE2', 'escalation_policy') },
        { assignments: [{ assignee: to('PU2', 'user') }] },
      ),
    })
    .map(({ where, ...incident }) => ({
      body: { incident: defined({ type: 'incident', title: 'Down', ...incident, ...where }) },
    })),
  updateIncident: fc
    .tuple(
      oneOf('P1', '2'),
      anyChange({ service: maybe(oneOf('PS1', 'PS2').map((id) => to(id, 'service'))) }),
    )
    .map(([id, incident]) => ({ params: { id }, body: { incident } })),
  updateIncidents: fc
    .tuple(oneOf(['P1'], ['P1', 'P2'], ['1', 'P2'], ['P2', '2']), anyChange(), anyChange())
    .map(([members, ...changes]) => ({
      body: { incidents: members.map((id, index) => ({ ...changes[index % 2], id })) },
    })),
  listServices: query({ 'team_ids[]': ids('PT1', 'PT2', 'PT3') }),
  getService: including(byId('PS1', 'PS2'), 'escalation_policies', 'integrations'),
  updateService: fc
    .tuple(
      byId('PS1', 'PS2'),
      oneOf({ description: 'x' }, { escalation_policy: to('PE1', 'escalation_policy') }),
    )
    .map(([request, service]) => ({ ...request, body: { service } })),
  createService: oneOf('PE1', 'PE2').map((id) => ({
    body: { service: { type: 'service', name: 'New', escalation_policy: to(id, 'escalation_policy') } },
  })),
  listSchedules: query({ 'team_ids[]': ids('PT1', 'PT2') }),
  getSchedule: byId('PC1', 'PC2'),
  createScheduleOverride: fc.tuple(oneOf('PC1', 'PC2'), ids('PU1', 'PU2')).map(([id, users]) => ({
    params: { id },
    body: { overrides: users.map((user) => ({ ...time, user: to(user, 'user') })) },
  })),
  listEscalationPolicies: query({ 'team_ids[]': ids('PT1', 'PT2') }),
  getEscalationPolicy: including(byId('PE1', 'PE2'), 'targets', 'teams'),
  createEscalationPolicy: fc
    .tuple(
      oneOf([], ['PT1'], ['PT2']),
      oneOf([to('PU1', 'user')], [to('PU2', 'user'), to('PC1', 'schedule')], [to('PC2', 'schedule')]),
    )
    .map(([teams, targets]) => ({
      body: {
        escalation_policy: {
          type: 'escalation_policy',
          name: 'New',
          escalation_rules: [{ escalation_delay_in_minutes: 10, targets }],
          ...(teams.length > 0 && { teams: teams.map((id) => to(id, 'team')) }),
        },
      },
    })),
  listUsers: query({ 'team_ids[]': ids('PT1', 'PT2', 'PT3') }),
  getUser: including(byId('PU1', 'PU2'), 'teams', 'contact_methods'),
  getCurrentUser: oneOf({}),
  createUser: oneOf({ body: { user: { type: 'user', name: 'Ada', email: 'ada@example.com' } } }),
  listTeams: oneOf({}),
  createTeam: oneOf({ body: { team: { type: 'team', name: 'New' } } }),
  updateTeamUser: fc
    .tuple(oneOf('PT1', 'PT2'), oneOf('PU1', 'PU2'))
    .map(([id, user_id]) => ({ params: { id, user_id } })),
  listOnCalls: including(
    query({ 'escalation_policy_ids[]': ids('PE1', 'PE2'), 'schedule_ids[]': ids('PC1', 'PC2') }),
    'users',
    'schedules',
  ),
  enqueueEvent: fc
    .tuple(oneOf('acknowledge', 'resolve', 'trigger'), oneOf('checkout', 'search', 'billing'))
    .map(([event_action, routingKey]) => ({
      routingKey,
      body: {
        event_action,
        dedup_key: 'k',
        ...(event_action === 'trigger' && { payload: { summary: 's', source: 's', severity: 'error' } }),
      },
    })),
  enqueueChangeEvent: oneOf('checkout', 'billing').map((routingKey) => ({
    routingKey,
    body: { payload: { summary: 'Released.' } },
  })),
};

/** Any request of any operation that an agent can be granted; updates of incidents, which can be most, come most. */
export const anyRequest = fc
  .oneof(
    { weight: 2, arbitrary: oneOf('updateIncident', 'updateIncidents', 'createIncident') },
    { weight: 2, arbitrary: oneOf('listIncidents', 'listServices', 'listOnCalls', 'listUsers') },
    { weight: 3, arbitrary: oneOf(...Object.keys(requests)) },
  )
  .chain((operation) =>
    fc.record({ operation: oneOf(operation), request: requests[operation] ?? oneOf({}) }),
  );

/** The operations whose requests are made here. */
export const requestedOperations: readonly string[] = Object.keys(requests);

export function resourceOfOperation(operation: string): Resource {
  if (operation.startsWith('enqueue')) return 'events';
  if (operation === 'listOnCalls') return 'oncalls';
  const found = (
    [
      ['Incident', 'incidents'],
      ['Schedule', 'schedules'],
      ['EscalationPolic', 'escalation_policies'],
      ['Service', 'services'],
      ['Team', 'teams'],
      ['User', 'users'],
    ] as const
  ).find(([word]) => operation.includes(word));
  if (!found) throw new Error(`Of which resource is ${operation}?`);
  return found[1];
}

const record = {
  services: oneOf(['PS1'], ['PS2'], []),
  teams: fc.subarray(['PT1', 'PT2', 'PT3']),
  policies: oneOf(['PE1'], ['PE2'], []),
  schedules: oneOf(['PC1'], ['PC2'], []),
  urgency: oneOf(['high'], ['low']),
  status: oneOf(['triggered'], ['acknowledged'], ['resolved']),
  assignee: fc.subarray(['PU1', 'PU2']),
};
const shown: Readonly<Record<string, readonly (keyof Thing)[]>> = {
  listIncidents: ['services', 'teams', 'policies', 'urgency', 'status', 'assignee'],
  listServices: ['services', 'teams', 'policies'],
  listSchedules: ['schedules', 'teams'],
  listEscalationPolicies: ['policies', 'teams'],
  listUsers: ['teams'],
  listTeams: ['teams'],
  listOnCalls: ['policies', 'schedules'],
};

/** A page of what a list could show, as far as conditions can compare it. */
export function anyRecords(operation: string): fc.Arbitrary<readonly Thing[]> {
  const conditions = shown[operation];
  if (!conditions) return oneOf([]);
  const shows = operation === 'listTeams' ? { ...record, teams: oneOf(['PT1'], ['PT2'], ['PT3']) } : record;
  return fc.array(fc.record(Object.fromEntries(conditions.map((name) => [name, shows[name]]))), {
    minLength: 3,
    maxLength: 6,
  });
}
