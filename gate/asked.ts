import {
  type Action,
  actionsOf,
  type Resource,
  type StatusOf,
  type Touch,
  type Within,
} from '../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName } from '../pagerduty/catalogue/index.ts';
import { Id } from '../pagerduty/catalogue/wire.ts';
import { allActions, Name } from './configuration.ts';

/** What `oncall can` asks: may this agent do this action, to these things? */
export interface Asked {
  readonly agent: string;
  readonly action: string;
  readonly things?: Things;
}

/** What an action is about, as far as the question says. */
export interface Things {
  readonly incident?: string;
  readonly service?: string;
  readonly policy?: string;
  readonly schedule?: string;
  readonly user?: string;
  readonly team?: string;
  readonly urgency?: 'high' | 'low';
  /** By its name in the configuration. */
  readonly routingKey?: string;
}

/** The same as the gate asks it. */
export interface Put {
  readonly operation: OperationName;
  readonly summary: string;
  readonly touches: readonly Touch[];
  readonly actions: (statusOf: StatusOf) => readonly Action[];
  /** Whether the answer hangs on the incident's status. */
  readonly situated: boolean;
}

/** The words of a question are off; the message says how they would be right. */
export class NotAsked extends Error {
  override readonly name = 'NotAsked';
}

/** The operation that an action is part of; of reads, of one thing and of a list. */
const operations = {
  'incidents.view': ['getIncident', 'listIncidents'],
  'incidents.create': 'createIncident',
  'incidents.add_note': 'createIncidentNote',
  'services.view': ['getService', 'listServices'],
  'services.create': 'createService',
  'services.update': 'updateService',
  'schedules.view': ['getSchedule', 'listSchedules'],
  'schedules.override': 'createScheduleOverride',
  'escalation_policies.view': ['getEscalationPolicy', 'listEscalationPolicies'],
  'escalation_policies.create': 'createEscalationPolicy',
  'users.view': ['getUser', 'listUsers'],
  'users.create': 'createUser',
  'teams.view': ['listTeams', 'listTeams'],
  'teams.create': 'createTeam',
  'teams.add_member': 'updateTeamUser',
  'oncalls.view': ['listOnCalls', 'listOnCalls'],
  'events.announce_change': 'enqueueChangeEvent',
} as const satisfies Partial<Record<Action, OperationName | readonly [OperationName, OperationName]>>;

/** The one thing that an action of a resource is about. */
const subjects = {
  incidents: ['incident', 'incident'],
  services: ['service', 'service'],
  schedules: ['schedule', 'schedule'],
  escalation_policies: ['policy', 'escalation policy'],
  users: ['user', 'user'],
} as const satisfies Partial<Record<Resource, readonly [keyof Things, Touch['kind']]>>;

/** Which thing narrows a list. */
const filters = {
  service: 'services',
  team: 'teams',
  policy: 'policies',
  schedule: 'schedules',
  user: 'assignee',
  urgency: 'urgency',
} as const satisfies Partial<Record<keyof Things, keyof Within>>;

/**
 * Puts a question as the gate is asked by a real call.
 * @throws NotAsked where the action is unknown, or lacks the thing it is about.
 */
export function put({ agent, action: written, things = {} }: Asked): Put {
  if (!Name.safeParse(agent).success) throw new NotAsked(`${JSON.stringify(agent)} is no name of an agent`);
  const action = allActions.find((known) => known === written);
  if (!action) throw new NotAsked(unknown(written));
  checkIds(things);
  const [resource, verb] = action.split('.') as [Resource, string];
  const named = operations[action as keyof typeof operations] as
    | OperationName
    | readonly [OperationName, OperationName]
    | undefined;
  const touches = touchesOf(action, resource as Resource, verb, things);
  const isList = touches.some(({ kind }) => kind === 'list');
  const operation: OperationName =
    named === undefined
      ? resource === 'events'
        ? 'enqueueEvent'
        : 'updateIncident'
      : typeof named === 'string'
        ? named
        : named[isList ? 1 : 0];
  const [touched] = touches;
  const incident = touched?.kind === 'incident' ? touched.id : undefined;
  return {
    operation,
    summary: catalogue[operation].summary,
    touches,
    situated: incident !== undefined,
    // PagerDuty would open a resolved incident again: what such a call does is reopen.
    actions: (statusOf) =>
      action === 'incidents.acknowledge' && incident !== undefined && statusOf(incident) === 'resolved'
        ? ['incidents.reopen']
        : [action],
  };
}

function touchesOf(action: Action, resource: Resource, verb: string, things: Things): readonly Touch[] {
  const left = new Set(Object.keys(things));
  const take = <Thing extends keyof Things>(thing: Thing): Things[Thing] => {
    left.delete(thing);
    return things[thing];
  };
  const need = (thing: keyof Things, option: string = thing): string => {
    const value = take(thing);
    if (value === undefined) throw new NotAsked(`${action} needs its ${option}: name it by --${option}`);
    return value;
  };
  const also = (thing: keyof Things, kind: 'service' | 'escalation policy' | 'user' | 'team'): Touch[] => {
    const id = take(thing);
    return id === undefined ? [] : [{ kind, id }];
  };
  const touches = ((): readonly Touch[] => {
    if (resource === 'events') return [{ kind: 'routing key', name: need('routingKey', 'routing-key') }];
    if (action === 'incidents.create') {
      const [service, urgency, policy, user] = [
        need('service'),
        take('urgency'),
        take('policy'),
        take('user'),
      ];
      const assignees = user === undefined ? [] : [user];
      return [
        { kind: 'new incident', service, urgency, policy, assignees },
        ...assignees.map((id) => ({ kind: 'user', id }) as const),
      ];
    }
    // What is made has no id yet: only what it is made within can be compared.
    if (action === 'services.create') return also('policy', 'escalation policy');
    if (action === 'escalation_policies.create') {
      const team = take('team');
      const made = { kind: 'new escalation policy', teams: team === undefined ? [] : [team] } as const;
      return [made, ...also('user', 'user')];
    }
    if (verb === 'create') return [];
    if (resource === 'oncalls' || resource === 'teams')
      return verb === 'view' ? [listOf(take)] : [{ kind: 'team', id: need('team') }, ...also('user', 'user')];
    const [thing, kind] = subjects[resource];
    if (verb === 'view' && things[thing] === undefined) return [listOf(take)];
    const subject: Touch = { kind, id: need(thing) };
    switch (verb) {
      case 'update':
        return [subject, ...also('policy', 'escalation policy')];
      case 'move':
        return [subject, { kind: 'service', id: need('service') }];
      case 'reassign':
        return [subject, ...also('user', 'user'), ...also('policy', 'escalation policy')];
      case 'override':
        return [subject, ...also('user', 'user')];
      default:
        return [subject];
    }
  })();
  const [idle] = left;
  if (idle !== undefined) throw new NotAsked(`--${optionOf(idle)} says nothing about ${action}`);
  return touches;
}

const optionOf = (thing: string): string => (thing === 'routingKey' ? 'routing-key' : thing);

function listOf(take: (thing: keyof typeof filters) => string | undefined): Touch {
  const within = Object.entries(filters).flatMap(([thing, filter]) => {
    const value = take(thing as keyof typeof filters);
    return value === undefined ? [] : [[filter, [value]] as const];
  });
  return { kind: 'list', within: Object.fromEntries(within) };
}

function checkIds({ urgency, routingKey, ...ids }: Things): void {
  for (const [thing, id] of Object.entries(ids))
    if (!Id.safeParse(id).success)
      throw new NotAsked(`--${optionOf(thing)} takes a PagerDuty id, letters and digits such as PABC123`);
  if (urgency !== undefined && !['high', 'low'].includes(urgency))
    throw new NotAsked('--urgency is high or low');
  if (routingKey !== undefined && !Name.safeParse(routingKey).success)
    throw new NotAsked('--routing-key takes a name of the configuration, never the key');
}

function unknown(action: string): string {
  const [resource = ''] = action.split('.');
  const verbs: readonly string[] = Object.hasOwn(actionsOf, resource) ? actionsOf[resource as Resource] : [];
  return verbs.length > 0
    ? `there is no action ${JSON.stringify(action)}; ${resource} has ${verbs.map((verb) => `${resource}.${verb}`).join(', ')}`
    : `there is no action ${JSON.stringify(action)}; an action is such as incidents.resolve`;
}
