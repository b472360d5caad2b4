import type { Fault } from './faults.ts';
import type { Data } from './format.ts';

type Path = readonly PropertyKey[];

/** What no shape can say: names that nobody has, names that two have, times that run backwards. */
export function checkReferences(data: Data): readonly Fault[] {
  return [...twice(data), ...strangers(data), ...backwards(data)];
}

/** Every value of a list that another entry has already. */
function twice(data: Data): readonly Fault[] {
  const { users, teams, schedules, escalation_policies: policies, services, priorities } = data;
  const integrations = services.flatMap((service, index) =>
    service.integrations.map((one, place) => ({ ...one, path: ['services', index, 'integrations', place] })),
  );
  const sections = { users, teams, schedules, escalation_policies: policies, services, priorities };
  return [
    ...Object.entries(sections).flatMap(([name, things]) => [
      ...repeated(things.map(({ id }, index) => [[name, index, 'id'], id])),
      ...(name === 'users'
        ? []
        : repeated(things.map((thing, index) => [[name, index, 'name'], thing.name]))),
    ]),
    ...repeated(users.map(({ email }, index) => [['users', index, 'email'], email])),
    ...repeated(integrations.map(({ path, routing_key: key }) => [[...path, 'routing_key'], key])),
    ...repeated((data.credentials ?? []).map(({ key }, index) => [['credentials', index, 'key'], key])),
    ...repeated(data.oauth_clients.map(({ id }, index) => [['oauth_clients', index, 'id'], id])),
  ];
}

function repeated(values: readonly (readonly [path: Path, value: string])[]): readonly Fault[] {
  const seen = new Set<string>();
  return values.flatMap(([path, value]) => {
    const same = value.toLowerCase();
    if (seen.has(same)) return [{ path, message: 'another entry has this already; choose another' }];
    seen.add(same);
    return [];
  });
}

function strangers(data: Data): readonly Fault[] {
  const { users, teams, schedules, escalation_policies: policies, services } = data;
  const ids = {
    users: idsOf(users),
    teams: idsOf(teams),
    schedules: idsOf(schedules),
    escalation_policies: idsOf(policies),
    services: idsOf(services),
    priorities: idsOf(data.priorities),
  };
  const faults: Fault[] = [];
  const must = (section: keyof typeof ids, id: string | null | undefined, ...path: Path) => {
    if (id === null || id === undefined || ids[section].has(id)) return;
    faults.push({ path, message: `there is no ${id} in ${section}; write it there${orName(ids[section])}` });
  };
  for (const [index, team] of teams.entries()) {
    must('teams', team.parent, 'teams', index, 'parent');
    for (const [place, { user }] of team.members.entries())
      must('users', user, 'teams', index, 'members', place, 'user');
  }
  for (const [index, { layers, overrides }] of schedules.entries()) {
    for (const [layer, { users: of }] of layers.entries())
      for (const [place, user] of of.entries())
        must('users', user, 'schedules', index, 'layers', layer, 'users', place);
    for (const [place, { user }] of overrides.entries())
      must('users', user, 'schedules', index, 'overrides', place, 'user');
  }
  for (const [index, policy] of policies.entries()) {
    must('teams', policy.team, 'escalation_policies', index, 'team');
    for (const [rule, { targets }] of policy.escalation_rules.entries())
      for (const [place, target] of targets.entries()) {
        const path = ['escalation_policies', index, 'escalation_rules', rule, 'targets', place];
        if ('user' in target) must('users', target.user, ...path, 'user');
        else must('schedules', target.schedule, ...path, 'schedule');
      }
  }
  for (const [index, service] of services.entries())
    must('escalation_policies', service.escalation_policy, 'services', index, 'escalation_policy');
  for (const [index, { user }] of (data.credentials ?? []).entries())
    must('users', user, 'credentials', index, 'user');
  for (const [index, incident] of data.incidents.entries()) {
    must('services', incident.service, 'incidents', index, 'service');
    must('priorities', incident.priority, 'incidents', index, 'priority');
    must('users', incident.created_by, 'incidents', index, 'created_by');
    must('users', incident.acknowledged?.by, 'incidents', index, 'acknowledged', 'by');
    must('users', incident.resolved?.by, 'incidents', index, 'resolved', 'by');
    for (const [place, { by }] of incident.notes.entries())
      must('users', by, 'incidents', index, 'notes', place, 'by');
  }
  return faults;
}

/** What cannot be in this order, and what one thing needs of another. */
function backwards({ users, schedules, services, incidents }: Data): readonly Fault[] {
  const faults: Fault[] = [];
  const fault = (message: string, ...path: Path) => faults.push({ path, message });
  for (const [index, { contact_methods: methods, notification_rules: rules = [] }] of users.entries())
    for (const [place, { contact_method: number }] of rules.entries())
      if (number > (methods?.length ?? 1))
        fault(
          'the user has no such contact method',
          'users',
          index,
          'notification_rules',
          place,
          'contact_method',
        );
  for (const [index, { layers, overrides }] of schedules.entries()) {
    for (const [place, { start, end }] of layers.entries())
      if (end !== null && end <= start)
        fault('a layer must end after its start', 'schedules', index, 'layers', place, 'end');
    for (const [place, override] of overrides.entries())
      if ('start' in override && override.end <= override.start)
        fault('an override must end after its start', 'schedules', index, 'overrides', place, 'end');
  }
  for (const [index, { urgency, support_hours: hours, raise_urgency_at: raises }] of services.entries()) {
    if (hours === null && (typeof urgency !== 'string' || raises.length > 0))
      fault('urgency by support hours needs support_hours; write them', 'services', index, 'support_hours');
  }
  for (const [index, incident] of incidents.entries()) {
    const { minutes_ago: ago, service, alerts, created_by: by, acknowledged, resolved, notes } = incident;
    const at = services.find(({ id }) => id === service);
    if (alerts.length === 0 && by === undefined)
      fault(
        'an incident comes from an alert or from a user; give it alerts or created_by',
        'incidents',
        index,
      );
    if (alerts.length > 0 && at?.integrations.length === 0)
      fault(
        `the service ${service} has no integration, so no alert can come in`,
        'incidents',
        index,
        'alerts',
      );
    const happenings = [
      ...alerts.flatMap(({ after_minutes, resolved_after_minutes }, place): Happening[] => [
        [after_minutes, ['alerts', place, 'after_minutes']],
        [resolved_after_minutes ?? 0, ['alerts', place, 'resolved_after_minutes']],
      ]),
      ...notes.map(
        ({ after_minutes }, place): Happening => [after_minutes, ['notes', place, 'after_minutes']],
      ),
      [acknowledged?.after_minutes ?? 0, ['acknowledged', 'after_minutes']] satisfies Happening,
      [resolved?.after_minutes ?? 0, ['resolved', 'after_minutes']] satisfies Happening,
    ];
    for (const [after, path] of happenings)
      if (after > ago)
        fault(`this lies in the future; it can be at most ${ago}`, 'incidents', index, ...path);
  }
  return faults;
}

type Happening = [after: number, path: Path];

const idsOf = (things: readonly { readonly id: string }[]): ReadonlySet<string> =>
  new Set(things.map(({ id }) => id));

const orName = (ids: ReadonlySet<string>): string => {
  const [first, ...more] = ids;
  if (first === undefined) return '';
  return more.length === 0
    ? `, or name ${first}`
    : `, or name one of ${[...ids].slice(0, 8).join(', ')}${ids.size > 8 ? ' …' : ''}`;
};
