import parseDuration from 'parse-duration';
import { z } from 'zod';
import { type Action, actionsOf, type Resource } from '../pagerduty/catalogue/endpoint.ts';
import { Id } from '../pagerduty/catalogue/wire.ts';
import { Hours } from './hours.ts';

export type Level = 'off' | 'read' | 'full';

const ids = z.array(Id).min(1).optional();

/** What must be true for a grant to hold, or for a deny to strike. Values of one condition are alternatives; all conditions must hold. */
const When = z.strictObject({
  services: ids,
  teams: ids,
  policies: ids,
  schedules: ids,
  assignee: ids,
  urgency: z
    .array(z.enum(['high', 'low']))
    .min(1)
    .optional(),
  status: z
    .array(z.enum(['triggered', 'acknowledged', 'resolved']))
    .min(1)
    .optional(),
  hours: Hours.optional(),
  on_call: z.literal(true).optional(),
});
export type When = z.output<typeof When>;

/** The conditions that compare a thing with values; `hours` and `on_call` compare the moment and the agent's person. */
export type Condition = Exclude<keyof When, 'hours' | 'on_call'>;

/** Which conditions say anything about which resource. */
export const conditionsOf: Readonly<Record<Resource, readonly Condition[]>> = {
  incidents: ['services', 'teams', 'policies', 'urgency', 'status', 'assignee'],
  services: ['services', 'teams', 'policies'],
  schedules: ['schedules', 'teams'],
  escalation_policies: ['policies', 'teams'],
  users: ['teams'],
  teams: ['teams'],
  oncalls: ['policies', 'schedules'],
  events: [],
};

/** Conditions of a resource that an action of it cannot show: what is new has no status yet, and no place but what it names. */
const unseenBy: Readonly<Partial<Record<string, readonly Condition[]>>> = {
  'incidents.create': ['status'],
  'services.create': ['services'],
  'escalation_policies.create': ['policies'],
  'users.create': ['teams'],
  'teams.create': ['teams'],
};

/** At most so many steps in a time: `20/hour`. Counted over all Workers, tries of one step once. */
export interface Cap {
  readonly count: number;
  readonly perMs: number;
  readonly text: string;
}

/** Whose word is needed beside the grant. */
export interface Approval {
  /** Names of operators; any operator where absent. */
  readonly by?: readonly string[];
  readonly people: 1 | 2;
}

/** One grant of one agent, as the engine reads it. */
export interface Grant {
  readonly level: Level;
  readonly when: When;
  /** How long an acknowledge is held before it is given back, in milliseconds; stated for `incidents.acknowledge` alone. */
  readonly leaseMs?: number;
  /** Names of the routing keys it covers; stated for events alone. */
  readonly routingKeys?: readonly string[];
  readonly cap?: Cap;
  /** How many incidents one bulk update may touch. */
  readonly maxIncidents?: number;
  /** When it ends, milliseconds since 1970. */
  readonly until?: number;
  readonly approval?: Approval;
}

/** By resource or action, as written in the configuration. */
export type Grants = ReadonlyMap<string, Grant>;

/** What is forbidden whatever is granted. */
export interface Deny {
  /** An action, or a resource for all of its actions. */
  readonly action: string;
  readonly when: When;
}

const Lease = z.string().transform((text, context) => {
  const ms = /^(\d+(\.\d+)?\s*[a-z]+\s*)+$/i.test(text) ? parseDuration(text) : null;
  if (ms !== null && ms >= 1_000 && ms <= 3_600_000) return ms;
  context.addIssue('a lease is a duration with its unit between 1s and 1h, such as 5m');
  return z.NEVER;
});

const spans = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

const CapText = z
  .string()
  .regex(/^[1-9]\d{0,5}\/(minute|hour|day)$/, 'a cap is such as 20/hour: a number per minute, hour or day')
  .transform((text): Cap => {
    const [count = '', span = ''] = text.split('/');
    return { count: Number(count), perMs: spans[span as keyof typeof spans], text };
  });

const Until = z.union([z.iso.datetime({ offset: true }), z.iso.date()], {
  error: 'an end is such as 2026-12-01T08:00:00Z, or a day such as 2026-12-01',
});

const ApprovalWritten = z
  .union(
    [
      z.literal('required'),
      z.strictObject({
        by: z.array(z.string().min(1)).min(1).optional(),
        people: z.union([z.literal(1), z.literal(2)]).optional(),
      }),
    ],
    { error: 'an approval is "required", or { by: [names of operators], people: 2 }' },
  )
  .transform((written): Approval => {
    if (written === 'required') return { people: 1 };
    return { people: written.people ?? 1, ...(written.by && { by: written.by }) };
  });

const Written = z.union([
  z.enum(['off', 'read', 'full'], 'a level is off, read or full'),
  z.strictObject({
    level: z.enum(['off', 'read', 'full'], 'a level is off, read or full'),
    when: When.optional(),
    lease: Lease.optional(),
    routing_keys: z.array(z.string().min(1)).min(1).optional(),
    cap: CapText.optional(),
    max_incidents: z.int().min(1).max(250).optional(),
    until: Until.optional(),
    approval: ApprovalWritten.optional(),
  }),
]);

/** The `grants` of an agent: resource or action → level, alone or with its conditions. */
export const Grants = z.record(z.string(), Written).transform((written, context): Grants => {
  const grants = new Map<string, Grant>();
  for (const [name, value] of Object.entries(written)) {
    const { level, when, lease, routing_keys, cap, max_incidents, until, approval } =
      typeof value === 'string' ? { level: value } : value;
    const grant: Grant = {
      level,
      when: when ?? {},
      ...(lease === undefined ? {} : { leaseMs: lease }),
      ...(routing_keys === undefined ? {} : { routingKeys: routing_keys }),
      ...(cap === undefined ? {} : { cap }),
      ...(max_incidents === undefined ? {} : { maxIncidents: max_incidents }),
      ...(until === undefined ? {} : { until: Date.parse(until) }),
      ...(approval === undefined ? {} : { approval }),
    };
    for (const message of faultsOf(name, grant)) context.addIssue({ code: 'custom', path: [name], message });
    grants.set(name, grant);
  }
  if (grants.get('incidents')?.level === 'full' && !grants.has('incidents.acknowledge')) {
    context.addIssue({ code: 'custom', path: ['incidents'], message: mustState });
  }
  return grants;
});

/** The `deny` of an agent. */
export const Denies = z.array(
  z.strictObject({ action: z.string(), when: When.optional() }).transform((written, context): Deny => {
    const { action, when = {} } = written;
    const known = nameFault(action);
    if (known !== undefined) context.addIssue({ code: 'custom', path: ['action'], message: known });
    else
      for (const message of conditionFaults(action, when))
        context.addIssue({ code: 'custom', path: ['when'], message });
    return { action, when };
  }),
);

const mustState =
  'this includes acknowledging, which must state its lease and urgency: add ' +
  'incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } }, or incidents.acknowledge: off';

function nameFault(name: string): string | undefined {
  const [resource = '', verb, ...more] = name.split('.');
  const verbs: readonly string[] | undefined = Object.hasOwn(actionsOf, resource)
    ? actionsOf[resource as Resource]
    : undefined;
  if (!verbs) return `no such resource; there are ${Object.keys(actionsOf).join(', ')}`;
  if (verb !== undefined && (more.length > 0 || !verbs.includes(verb)))
    return `no such action; ${resource} has ${verbs.join(', ')}`;
  return undefined;
}

/** A condition that can never hold would refuse for ever in a grant, and do nothing in a deny. */
function conditionFaults(name: string, when: When): readonly string[] {
  const { hours: _hours, on_call: _duty, ...compared } = when;
  const resource = name.split('.')[0] as Resource;
  const known: readonly string[] = conditionsOf[resource];
  const unseen: readonly string[] = unseenBy[name] ?? [];
  return Object.keys(compared).flatMap((condition) => {
    if (!known.includes(condition)) return [`${condition} says nothing about ${resource}`];
    return unseen.includes(condition) ? [`${condition} says nothing about ${name}`] : [];
  });
}

function faultsOf(name: string, grant: Grant): readonly string[] {
  const unknown = nameFault(name);
  if (unknown !== undefined) return [unknown];
  const [resource, verb] = name.split('.') as [Resource, string | undefined];
  const faults: string[] = [];
  if (verb === 'view' && grant.level === 'full') faults.push('view is off or read');
  if (verb !== undefined && verb !== 'view' && grant.level === 'read') faults.push(`${verb} is off or full`);
  if (grant.level === 'off') {
    if (Object.keys(grant).length > 2 || Object.keys(grant.when).length > 0)
      faults.push('off takes no conditions');
    return faults;
  }
  faults.push(...conditionFaults(name, grant.when));
  if (name === 'incidents.acknowledge' && (grant.leaseMs === undefined || grant.when.urgency === undefined)) {
    faults.push(
      'acknowledging must state its lease and urgency: { level: full, lease: 5m, when: { urgency: [low] } }',
    );
  }
  if (name !== 'incidents.acknowledge' && grant.leaseMs !== undefined)
    faults.push('only incidents.acknowledge has a lease');
  if (resource === 'events' && grant.routingKeys === undefined) {
    faults.push('events must name their routing keys: { level: full, routing_keys: [checkout] }');
  }
  if (resource !== 'events' && grant.routingKeys !== undefined) faults.push('only events have routing keys');
  if (resource !== 'incidents' && grant.maxIncidents !== undefined)
    faults.push('only incidents have max_incidents');
  if ((verb === 'view' || grant.level === 'read') && grant.approval !== undefined)
    faults.push('reading needs no approval');
  return faults;
}

/** The resource of an action. */
export const resourceOf = (action: Action): Resource => action.slice(0, action.indexOf('.')) as Resource;

/** The grant that speaks about an action, and the name it stands under; the action's own before its resource's. */
export function grantFor(
  grants: Grants,
  action: Action,
): { readonly name: string; readonly grant: Grant } | undefined {
  for (const name of [action, resourceOf(action)]) {
    const grant = grants.get(name);
    if (grant) return { name, grant };
  }
  return undefined;
}
