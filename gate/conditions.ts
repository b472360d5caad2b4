import type { Touch } from '../pagerduty/catalogue/endpoint.ts';
import { type FactName, type Facts, incidentOf } from './facts.ts';
import type { Condition } from './grants.ts';
import { join, thing } from './words.ts';

/** Which conditions a thing can show at all. Where a request names several, each is asked only what it can show. */
const says: Readonly<Record<Touch['kind'], readonly Condition[]>> = {
  list: ['services', 'teams', 'policies', 'schedules', 'urgency', 'status', 'assignee'],
  incident: ['services', 'teams', 'policies', 'urgency', 'status', 'assignee'],
  'new incident': ['services', 'teams', 'policies', 'urgency', 'assignee'],
  'new escalation policy': ['teams'],
  service: ['services', 'teams', 'policies'],
  'escalation policy': ['policies', 'teams'],
  schedule: ['schedules', 'teams'],
  team: ['teams'],
  user: ['assignee', 'teams'],
  'routing key': [],
  'webhook subscription': [],
};

/** Whether a thing can show a condition. */
export const canShow = (touch: Touch, condition: Condition): boolean => says[touch.kind].includes(condition);

/** Whether the condition is about which thing it is, rather than about what it has. */
const isItself = ({ kind }: Touch, condition: Condition): boolean => own[kind] === condition;

const own: Readonly<Partial<Record<Touch['kind'], Condition>>> = {
  service: 'services',
  'escalation policy': 'policies',
  schedule: 'schedules',
  team: 'teams',
  user: 'assignee',
};

/** What a thing has for a condition, or the fact that must be read first. */
export type Values =
  | { readonly state: 'read'; readonly list: readonly string[] }
  | { readonly state: 'unread'; readonly fact: FactName };

/** What the thing touched has for a condition that it can show. A list has what its own filter names. */
export function valuesOf(condition: Condition, touch: Touch, facts: Facts): Values {
  switch (touch.kind) {
    case 'list':
      return read(touch.within[condition] ?? []);
    case 'incident': {
      const incident = incidentOf(facts, touch.id);
      if (incident === undefined) return { state: 'unread', fact: 'incidents' };
      const of: Record<Condition, readonly (string | undefined)[]> = {
        services: [incident.service],
        teams: incident.teams,
        policies: [incident.policy],
        schedules: [],
        urgency: [incident.urgency],
        status: [incident.status],
        assignee: incident.assignees,
      };
      return read(of[condition]);
    }
    case 'new incident':
      if (condition === 'urgency') return read([touch.urgency]);
      if (condition === 'assignee') return read(touch.assignees);
      if (touch.policy !== undefined && condition !== 'services')
        return valuesOf(condition, { kind: 'escalation policy', id: touch.policy }, facts);
      return valuesOf(condition, { kind: 'service', id: touch.service }, facts);
    case 'new escalation policy':
      return read(touch.teams);
    case 'service': {
      if (condition === 'services') return read([touch.id]);
      if (condition === 'teams') return teamsIn('services', touch.id, facts);
      const service = facts.services?.find(({ id }) => id === touch.id);
      return service ? read([service.policy]) : { state: 'unread', fact: 'services' };
    }
    case 'escalation policy':
      return condition === 'policies' ? read([touch.id]) : teamsIn('policies', touch.id, facts);
    case 'schedule':
      return condition === 'schedules' ? read([touch.id]) : teamsIn('schedules', touch.id, facts);
    case 'user':
      return condition === 'assignee' ? read([touch.id]) : teamsIn('users', touch.id, facts);
    case 'team':
      return read([touch.id]);
    case 'routing key':
    case 'webhook subscription':
      return read([]);
  }
}

const read = (list: readonly (string | undefined)[]): Values => ({
  state: 'read',
  list: list.filter((value) => value !== undefined),
});

function teamsIn(fact: 'services' | 'policies' | 'schedules' | 'users', id: string, facts: Facts): Values {
  const found = facts[fact]?.find((known) => known.id === id);
  return found ? read(found.teams) : { state: 'unread', fact };
}

/** What a condition is called in a sentence. */
export const noun: Readonly<Record<Condition, string>> = {
  services: 'service',
  teams: 'team',
  policies: 'escalation policy',
  schedules: 'schedule',
  urgency: 'urgency',
  status: 'status',
  assignee: 'assignee',
};

/** What is new has no name yet. */
const isNew = ({ kind }: Touch): boolean => kind === 'new incident' || kind === 'new escalation policy';

/** "urgency", and of which thing where a request touches several. */
export const ofWhat = (condition: Condition, touch: Touch, isOneOfSeveral: boolean, facts: Facts): string =>
  isOneOfSeveral && !isNew(touch) && !isItself(touch, condition)
    ? `${noun[condition]} of ${join(thing(touch, facts.incidents ?? []))}`
    : noun[condition];
