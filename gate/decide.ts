import type { Action, Touch } from '../pagerduty/catalogue/endpoint.ts';
import { type Condition, type Grant, type Grants, grantFor, resourceOf } from './grants.ts';
import type { Policy } from './policy.ts';
import { join, nameOf, phrase } from './words.ts';

/** What PagerDuty said about an incident in the attempt that decides. Ids, in PagerDuty's words. */
export interface IncidentFacts {
  readonly id: string;
  readonly number: number;
  readonly status: string;
  readonly urgency: string;
  readonly service: string | undefined;
  readonly policy: string | undefined;
  readonly teams: readonly string[];
  readonly assignees: readonly string[];
  readonly acknowledgers: readonly string[];
}

/** What PagerDuty said about a service. */
export interface ServiceFacts {
  readonly id: string;
  readonly policy: string | undefined;
  readonly teams: readonly string[];
}

/** What PagerDuty said about an escalation policy or a schedule. */
export interface TeamFacts {
  readonly id: string;
  readonly teams: readonly string[];
}

/** The incident that a request names, by its id or, as PagerDuty takes it too, by its number. */
export const incidentOf = (
  { incidents = [] }: { readonly incidents?: readonly IncidentFacts[] },
  id: string,
): IncidentFacts | undefined =>
  incidents.find((incident) => incident.id === id || String(incident.number) === id);

/** What is known when deciding. A fact that is not read yet is absent: `decide` asks for it by name. */
export interface Facts {
  /** Each incident that is touched. */
  readonly incidents?: readonly IncidentFacts[];
  readonly services?: readonly ServiceFacts[];
  readonly policies?: readonly TeamFacts[];
  readonly schedules?: readonly TeamFacts[];
  /** Where a user of ours, named by a `From` address, is on call himself, in words; `null` where none is. */
  readonly ourDuty?: string | null;
}
/** A fact by its name, the runner's own among them. */
export type FactName = keyof Facts | 'ourUsers' | 'holder' | 'recordedPolicy';

/** What is asked: may this agent do these actions to these things? */
export interface Question {
  readonly agent: string;
  /** PagerDuty's operationId. */
  readonly operation: string;
  /** The operation's `summary`. */
  readonly summary: string;
  readonly actions: readonly Action[];
  readonly touches: readonly Touch[];
}

/** The gate's word. `rule` is the line of the configuration that decided, by its path. */
export type Decision =
  | {
      readonly decision: 'allowed';
      readonly rule: string;
      readonly sentence: string;
      readonly leaseMs?: number;
    }
  | { readonly decision: 'denied'; readonly rule: string; readonly sentence: string };

/** Not decided yet: the facts to read first. */
export interface Undecided {
  readonly decision: 'needs';
  readonly needs: readonly FactName[];
}

/**
 * May the agent do all of this? Pure: the same question on the same facts has the same answer. Denied by default; one
 * action refused refuses the whole request. Asks for a fact only where the answer hangs on it.
 */
export function decide(policy: Policy, question: Question, facts: Facts): Decision | Undecided {
  const { agent, actions } = question;
  const found = policy.agents.get(agent);
  const asked = phrase(question, facts.incidents);
  const may = `${agent} may not ${asked}`;
  if (!found) return denied(`agents.${agent}`, `${may}: the configuration knows no agent of that name.`);
  if (actions.length === 0)
    return denied(`agents.${agent}`, `${may}: the request asks for nothing the gate knows.`);
  const verdicts = actions.map((action) => judge(found.grants, action, question, facts));
  const refused = verdicts.find((verdict) => verdict.kind === 'no');
  if (refused) {
    const action = actions[verdicts.indexOf(refused)] ?? '';
    const which = actions.length > 1 && !refused.why.includes(action) ? ` (asked for ${action})` : '';
    return denied(`agents.${agent}.grants${refused.rule}`, `${may}: ${refused.why}${which}.`);
  }
  const needs = new Set(verdicts.flatMap((verdict) => (verdict.kind === 'needs' ? verdict.needs : [])));
  if (needs.size > 0) return { decision: 'needs', needs: [...needs] };
  const allowed = verdicts.filter((verdict) => verdict.kind === 'yes');
  const leases = allowed.flatMap(({ leaseMs }) => leaseMs ?? []);
  return {
    decision: 'allowed',
    rule: join(allowed.map(({ rule }) => `agents.${agent}.grants${rule}`)),
    sentence: `${agent} may ${asked}: ${join([...new Set(allowed.map(({ why }) => why))])}.`,
    ...(leases.length === 0 ? {} : { leaseMs: Math.min(...leases) }),
  };
}

type Verdict =
  | { readonly kind: 'yes'; readonly rule: string; readonly why: string; readonly leaseMs?: number }
  | { readonly kind: 'no'; readonly rule: string; readonly why: string }
  | { readonly kind: 'needs'; readonly needs: readonly FactName[] };

function judge(grants: Grants, action: Action, question: Question, facts: Facts): Verdict {
  const direct = grantFor(grants, action);
  const isView = action.endsWith('.view');
  const covers =
    direct !== undefined && (isView ? direct.grant.level !== 'off' : direct.grant.level === 'full');
  const own = covers ? conditions(direct.name, direct.grant, action, question, facts) : undefined;
  if (own?.kind === 'yes') return own;
  // A full grant of one action includes reading the thing it acts on, unless viewing itself is off.
  if (isView && !grants.has(action) && question.touches.some(({ kind }) => kind !== 'list')) {
    const implied = [...grants].filter(
      ([name, { level }]) => level === 'full' && name.startsWith(`${resourceOf(action)}.`),
    );
    const verdicts = implied.map(([name, grant]) => conditions(name, grant, action, question, facts));
    const all = own ? [own, ...verdicts] : verdicts;
    const best = all.find(({ kind }) => kind === 'yes') ?? all.find(({ kind }) => kind === 'needs');
    if (best) return best;
  }
  if (own) return own;
  if (!direct) return { kind: 'no', rule: '', why: `no grant covers ${action}` };
  return {
    kind: 'no',
    rule: `.${direct.name}`,
    why: `its grant on ${direct.name} is ${direct.grant.level}, and ${action} needs ${isView ? 'read' : 'full'}`,
  };
}

function conditions(
  name: string,
  grant: Grant,
  action: Action,
  { touches }: Question,
  facts: Facts,
): Verdict {
  const rule = `.${name}`;
  const key = touches.find((touch) => touch.kind === 'routing key');
  if (key && !grant.routingKeys?.includes(key.name)) {
    const names = join(grant.routingKeys ?? []);
    return {
      kind: 'no',
      rule,
      why: `the routing key is ${nameOf(key.name)}; its grant covers ${names || 'none'}`,
    };
  }
  const needs = new Set<FactName>();
  const met: string[] = [];
  for (const [condition, allowed] of Object.entries(grant.when) as [Condition, readonly string[]][]) {
    const asked = touches.filter(({ kind }) => says[kind].includes(condition));
    for (const touch of asked) {
      const values = valuesOf(condition, touch, facts);
      if (values.state === 'unread') needs.add(values.fact);
      else if (!holds(values.list, allowed, touch.kind === 'list')) {
        return { kind: 'no', rule, why: failure(condition, values.list, allowed, touch.kind === 'list') };
      } else met.push(`the ${noun[condition]} is ${join(values.list)}`);
    }
    // A condition that nothing touched can show is not met.
    if (asked.length === 0) {
      const why = `the request shows no ${noun[condition]}; its grant covers ${join(allowed)} only`;
      return { kind: 'no', rule, why };
    }
  }
  if (action === 'incidents.acknowledge') {
    if (facts.ourDuty === undefined) needs.add('ourDuty');
    else if (facts.ourDuty !== null) return { kind: 'no', rule: '', why: onDuty(facts.ourDuty) };
  }
  if (needs.size > 0) return { kind: 'needs', needs: [...needs] };
  const why =
    met.length > 0
      ? `${join([...new Set(met)])}, as its grant on ${name} asks`
      : `its grant on ${name} is ${grant.level}`;
  return { kind: 'yes', rule, why, ...(grant.leaseMs === undefined ? {} : { leaseMs: grant.leaseMs }) };
}

type Values =
  | { readonly state: 'read'; readonly list: readonly string[] }
  | { readonly state: 'unread'; readonly fact: FactName };

/** Which conditions a thing can show at all. Where a request names several, each is asked only what it can show. */
const says: Readonly<Record<Touch['kind'], readonly Condition[]>> = {
  list: ['services', 'teams', 'policies', 'urgency', 'status'],
  incident: ['services', 'teams', 'policies', 'urgency', 'status'],
  'new incident': ['services', 'teams', 'policies', 'urgency'],
  service: ['services', 'teams', 'policies'],
  'escalation policy': ['policies', 'teams'],
  schedule: ['teams'],
  team: ['teams'],
  user: [],
  'routing key': [],
  'webhook subscription': [],
};

/** What the thing touched has for a condition. A list has what its own filter names. */
function valuesOf(condition: Condition, touch: Touch, facts: Facts): Values {
  const read = (list: readonly (string | undefined)[]): Values => ({
    state: 'read',
    list: list.filter((value) => value !== undefined),
  });
  const teamsIn = (fact: 'services' | 'policies' | 'schedules', id: string): Values => {
    const found = facts[fact]?.find((known) => known.id === id);
    return found ? read(found.teams) : { state: 'unread', fact };
  };
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
        urgency: [incident.urgency],
        status: [incident.status],
      };
      return read(of[condition]);
    }
    case 'new incident':
      if (condition === 'urgency') return read([touch.urgency]);
      if (touch.policy !== undefined && condition !== 'services')
        return valuesOf(condition, { kind: 'escalation policy', id: touch.policy }, facts);
      return valuesOf(condition, { kind: 'service', id: touch.service }, facts);
    case 'service': {
      if (condition === 'services') return read([touch.id]);
      if (condition === 'teams') return teamsIn('services', touch.id);
      const service = facts.services?.find(({ id }) => id === touch.id);
      return service ? read([service.policy]) : { state: 'unread', fact: 'services' };
    }
    case 'escalation policy':
      return condition === 'policies' ? read([touch.id]) : teamsIn('policies', touch.id);
    case 'schedule':
      return teamsIn('schedules', touch.id);
    case 'team':
      return read([touch.id]);
    case 'user':
    case 'routing key':
    case 'webhook subscription':
      return read([]);
  }
}

/** A thing needs one value in common (an incident can have two teams); a list must not reach beyond the grant at all. */
const holds = (values: readonly string[], allowed: readonly string[], isList: boolean): boolean =>
  isList
    ? values.length > 0 && values.every((value) => allowed.includes(value))
    : values.some((value) => allowed.includes(value));

const noun: Readonly<Record<Condition, string>> = {
  services: 'service',
  teams: 'team',
  policies: 'escalation policy',
  urgency: 'urgency',
  status: 'status',
};

const failure = (
  condition: Condition,
  values: readonly string[],
  allowed: readonly string[],
  isList: boolean,
): string =>
  isList && values.length === 0
    ? `the list is not limited by ${noun[condition]}; its grant covers ${join(allowed)} only`
    : `the ${noun[condition]} is ${join(values) || 'not set'}; its grant covers ${join(allowed)}`;

const onDuty = (where: string): string =>
  `our own From user is on call (${where}), so an acknowledge would silence a page that is meant for it; take that user off call`;

const denied = (rule: string, sentence: string): Decision => ({ decision: 'denied', rule, sentence });
