import type { Facts } from '../../gate/facts.ts';

/** What one thing has, by the names of the conditions; what it cannot have is absent. */
export interface Thing {
  readonly services?: readonly string[];
  readonly teams?: readonly string[];
  readonly policies?: readonly string[];
  readonly schedules?: readonly string[];
  readonly urgency?: readonly string[];
  readonly status?: readonly string[];
  readonly assignee?: readonly string[];
}

/** What a request comes to. */
export interface Gist {
  readonly actions: readonly string[];
  /** What is acted on. */
  readonly subjects: readonly Thing[];
  /** Where that is sent. */
  readonly targets: readonly Thing[];
  readonly incidents: number;
  /** Whether one incident is named twice. */
  readonly isTwice?: boolean;
  readonly routingKey?: string;
  /** Of a list: what it asks for itself, and what its records have. */
  readonly list?: Thing;
  readonly lists?: readonly (keyof Thing)[];
  /** What PagerDuty can filter it by. */
  readonly filters?: readonly (keyof Thing)[];
}

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined,
    value,
  );
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const all = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const none = { subjects: [], targets: [], incidents: 0 };
type Filter = Readonly<Partial<Record<keyof Thing, readonly string[] | undefined>>>;
const list = (action: string, lists: readonly (keyof Thing)[], filter: Filter): Gist => ({
  ...none,
  actions: [action],
  list: Object.fromEntries(Object.entries(filter).filter(([, values]) => values !== undefined)),
  lists,
  filters: Object.keys(filter) as (keyof Thing)[],
});
const about = (action: string, subject: Thing | readonly Thing[], targets: readonly Thing[] = []): Gist => ({
  ...none,
  actions: [action],
  subjects: [subject].flat() as Thing[],
  targets,
});

/** What is put into an answer in full where an `include[]` names it. */
const included: Readonly<Record<string, readonly string[]>> = {
  acknowledgers: ['users'],
  agents: ['users'],
  assignees: ['users'],
  users: ['users'],
  services: ['services'],
  teams: ['teams'],
  escalation_policies: ['escalation_policies'],
  schedules: ['schedules'],
  targets: ['users', 'schedules'],
};

/** What PagerDuty would call the actions and things of a request, from the request alone and what is known. */
export function gistOf(operation: string, request: object, facts: Required<Facts>): Gist {
  const gist = plainGistOf(operation, request, facts);
  const brought = all(at(request, 'query', 'include[]')).flatMap((name) => included[text(name)] ?? []);
  return { ...gist, actions: [...new Set([...gist.actions, ...brought.map((name) => `${name}.view`)])] };
}

function plainGistOf(operation: string, request: object, facts: Required<Facts>): Gist {
  const id = text(at(request, 'params', 'id'));
  const filter = (name: string): readonly string[] | undefined =>
    at(request, 'query', name) as readonly string[] | undefined;
  const on = thingsIn(facts);
  switch (operation) {
    case 'listIncidents':
      return list('incidents.view', ['services', 'teams', 'policies', 'urgency', 'status', 'assignee'], {
        services: filter('service_ids[]'),
        teams: filter('team_ids[]'),
        urgency: filter('urgencies[]'),
        status: filter('statuses[]'),
        assignee: filter('user_ids[]'),
      });
    case 'getIncident':
    case 'listIncidentNotes':
    case 'listIncidentAlerts':
    case 'listIncidentLogEntries':
      return { ...about('incidents.view', on.incident(id)), incidents: 1 };
    case 'createIncidentNote':
      return { ...about('incidents.add_note', on.incident(id)), incidents: 1 };
    case 'createIncident': {
      const incident = at(request, 'body', 'incident');
      return about('incidents.create', on.newIncident(incident), usersOf(incident));
    }
    case 'updateIncident':
      return changed([{ ...(at(request, 'body', 'incident') as object), id }], on, facts);
    case 'updateIncidents':
      return changed(all(at(request, 'body', 'incidents')), on, facts);
    case 'listServices':
      return list('services.view', ['services', 'teams', 'policies'], {
        teams: filter('team_ids[]'),
      });
    case 'getService':
      return about('services.view', on.service(id));
    case 'updateService': {
      const policy = text(at(request, 'body', 'service', 'escalation_policy', 'id'));
      return about('services.update', on.service(id), policy === '' ? [] : [on.policy(policy)]);
    }
    case 'createService':
      return about(
        'services.create',
        on.policy(text(at(request, 'body', 'service', 'escalation_policy', 'id'))),
      );
    case 'listSchedules':
      return list('schedules.view', ['schedules', 'teams'], { teams: filter('team_ids[]') });
    case 'getSchedule':
      return about('schedules.view', on.schedule(id));
    case 'createScheduleOverride':
      return about(
        'schedules.override',
        on.schedule(id),
        all(at(request, 'body', 'overrides')).map((one) => on.user(text(at(one, 'user', 'id')))),
      );
    case 'listEscalationPolicies':
      return list('escalation_policies.view', ['policies', 'teams'], {
        teams: filter('team_ids[]'),
      });
    case 'getEscalationPolicy':
      return about('escalation_policies.view', on.policy(id));
    case 'createEscalationPolicy':
      return about(
        'escalation_policies.create',
        { teams: all(at(request, 'body', 'escalation_policy', 'teams')).map((team) => text(at(team, 'id'))) },
        all(at(request, 'body', 'escalation_policy', 'escalation_rules')).flatMap((rule) =>
          all(at(rule, 'targets')).map((target) =>
            at(target, 'type') === 'user_reference'
              ? on.user(text(at(target, 'id')))
              : on.schedule(text(at(target, 'id'))),
          ),
        ),
      );
    case 'listUsers':
      return list('users.view', ['teams'], { teams: filter('team_ids[]') });
    case 'getUser':
      return about('users.view', on.user(id));
    case 'getCurrentUser':
      return about('users.view', []);
    case 'createUser':
      return about('users.create', []);
    case 'listTeams':
      return list('teams.view', ['teams'], {});
    case 'createTeam':
      return about('teams.create', []);
    case 'updateTeamUser':
      return about('teams.add_member', { teams: [id] }, [on.user(text(at(request, 'params', 'user_id')))]);
    case 'listOnCalls':
      return list('oncalls.view', ['policies', 'schedules'], {
        policies: filter('escalation_policy_ids[]'),
        schedules: filter('schedule_ids[]'),
      });
    case 'enqueueEvent':
    case 'enqueueChangeEvent': {
      const verb =
        operation === 'enqueueEvent' ? text(at(request, 'body', 'event_action')) : 'announce_change';
      return {
        ...about(`events.${verb}`, [{}]),
        routingKey: text(at(request, 'routingKey')),
      };
    }
    default:
      throw new Error(`The reference knows no ${operation}.`);
  }

  function usersOf(change: unknown): readonly Thing[] {
    return all(at(change, 'assignments')).map((one) => on.user(text(at(one, 'assignee', 'id'))));
  }
}

/** The parts of updates of incidents: each part's actions, on every incident. */
function changed(changes: readonly unknown[], on: ReturnType<typeof thingsIn>, facts: Required<Facts>): Gist {
  const idOf = (change: unknown): string => text(at(change, 'id'));
  const actions = changes.flatMap((change) => {
    const known = facts.incidents.find(
      ({ id, number }) => id === idOf(change) || String(number) === idOf(change),
    );
    const isOver = known?.status === 'resolved';
    const status = at(change, 'status');
    const has = (...names: readonly string[]): boolean =>
      names.some((name) => at(change, name) !== undefined);
    return [
      status === 'acknowledged' && 'acknowledge',
      isOver && (status === 'acknowledged' || status === 'triggered') && 'reopen',
      !isOver && status === 'triggered' && 'unacknowledge',
      status === 'resolved' && 'resolve',
      has('assignments', 'escalation_policy') && 'reassign',
      has('escalation_level') && 'escalate',
      has('urgency') && 'set_urgency',
      has('service') && 'move',
      has('title', 'priority', 'incident_type', 'conference_bridge') && 'edit',
    ].filter((one) => typeof one === 'string');
  });
  const ids = changes.map((change) => {
    const known = facts.incidents.find(({ number }) => String(number) === idOf(change));
    return known?.id ?? idOf(change);
  });
  const target = (change: unknown, name: string, of: (id: string) => Thing): readonly Thing[] =>
    at(change, name) === undefined ? [] : [of(text(at(change, name, 'id')))];
  return {
    actions: [...new Set(actions)].map((verb) => `incidents.${verb}`),
    subjects: changes.map((change) => on.incident(idOf(change))),
    targets: changes.flatMap((change) => [
      ...target(change, 'service', on.service),
      ...target(change, 'escalation_policy', on.policy),
      ...all(at(change, 'assignments')).map((one) => on.user(text(at(one, 'assignee', 'id')))),
    ]),
    incidents: changes.length,
    isTwice: new Set(ids).size < ids.length,
  };
}

const thingsIn = ({ incidents, services, policies, schedules, users }: Required<Facts>) => {
  const teams = (of: readonly { id: string; teams: readonly string[] }[], id: string): readonly string[] =>
    of.find((one) => one.id === id)?.teams ?? [];
  const some = (value: string | undefined): readonly string[] => (value === undefined ? [] : [value]);
  const policyOf = (id: string): readonly string[] => some(services.find((one) => one.id === id)?.policy);
  return {
    incident: (id: string): Thing => {
      const found = incidents.find((one) => one.id === id || String(one.number) === id);
      return {
        services: some(found?.service),
        teams: found?.teams ?? [],
        policies: some(found?.policy),
        urgency: some(found?.urgency),
        status: some(found?.status),
        assignee: found?.assignees ?? [],
      };
    },
    newIncident: (incident: unknown): Thing => {
      const service = text(at(incident, 'service', 'id'));
      const policy = text(at(incident, 'escalation_policy', 'id'));
      return {
        services: [service],
        policies: policy ? [policy] : policyOf(service),
        teams: policy ? teams(policies, policy) : teams(services, service),
        urgency: some(text(at(incident, 'urgency')) || undefined),
        assignee: all(at(incident, 'assignments')).map((one) => text(at(one, 'assignee', 'id'))),
      };
    },
    service: (id: string): Thing => ({ services: [id], teams: teams(services, id), policies: policyOf(id) }),
    policy: (id: string): Thing => ({ policies: [id], teams: teams(policies, id) }),
    schedule: (id: string): Thing => ({ schedules: [id], teams: teams(schedules, id) }),
    user: (id: string): Thing => ({ assignee: [id], teams: teams(users, id) }),
  };
};
