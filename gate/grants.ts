import parseDuration from 'parse-duration';
import { z } from 'zod';
import { type Action, actionsOf, type Resource } from '../pagerduty/catalogue/endpoint.ts';
import { Id } from '../pagerduty/catalogue/wire.ts';

export type Level = 'off' | 'read' | 'full';

/** What must be true of the thing acted on, for a grant to hold. Values of one condition are alternatives; all conditions must hold. */
const When = z.strictObject({
  services: z.array(Id).min(1).optional(),
  teams: z.array(Id).min(1).optional(),
  policies: z.array(Id).min(1).optional(),
  urgency: z
    .array(z.enum(['high', 'low']))
    .min(1)
    .optional(),
  status: z
    .array(z.enum(['triggered', 'acknowledged', 'resolved']))
    .min(1)
    .optional(),
});
export type When = z.output<typeof When>;
export type Condition = keyof When;

/** Which conditions say anything about which resource. */
const conditionsOf: Readonly<Record<Resource, readonly Condition[]>> = {
  incidents: ['services', 'teams', 'policies', 'urgency', 'status'],
  services: ['services', 'teams', 'policies'],
  schedules: ['teams'],
  escalation_policies: ['policies', 'teams'],
  users: [],
  teams: ['teams'],
  oncalls: ['policies'],
  events: [],
};

/** One grant of one agent, as the engine reads it. */
export interface Grant {
  readonly level: Level;
  readonly when: When;
  /** How long an acknowledge is held before it is given back, in milliseconds; stated for `incidents.acknowledge` alone. */
  readonly leaseMs?: number;
  /** Names of the routing keys it covers; stated for events alone. */
  readonly routingKeys?: readonly string[];
}

/** By resource or action, as written in the configuration. */
export type Grants = ReadonlyMap<string, Grant>;

const Lease = z.string().transform((text, context) => {
  const ms = /^(\d+(\.\d+)?\s*[a-z]+\s*)+$/i.test(text) ? parseDuration(text) : null;
  if (ms !== null && ms >= 1_000 && ms <= 3_600_000) return ms;
  context.addIssue('a lease is a duration with its unit between 1s and 1h, such as 5m');
  return z.NEVER;
});

const Written = z.union([
  z.enum(['off', 'read', 'full'], 'a level is off, read or full'),
  z.strictObject({
    level: z.enum(['off', 'read', 'full'], 'a level is off, read or full'),
    when: When.optional(),
    lease: Lease.optional(),
    routing_keys: z.array(z.string().min(1)).min(1).optional(),
  }),
]);

/** The `grants` of an agent: resource or action → level, alone or with its conditions. */
export const Grants = z.record(z.string(), Written).transform((written, context): Grants => {
  const grants = new Map<string, Grant>();
  for (const [name, value] of Object.entries(written)) {
    const { level, when = {}, lease, routing_keys } = typeof value === 'string' ? { level: value } : value;
    const grant: Grant = {
      level,
      when,
      ...(lease === undefined ? {} : { leaseMs: lease }),
      ...(routing_keys === undefined ? {} : { routingKeys: routing_keys }),
    };
    for (const message of faultsOf(name, grant)) context.addIssue({ code: 'custom', path: [name], message });
    grants.set(name, grant);
  }
  if (grants.get('incidents')?.level === 'full' && !grants.has('incidents.acknowledge')) {
    context.addIssue({ code: 'custom', path: ['incidents'], message: mustState });
  }
  return grants;
});

const mustState =
  'this includes acknowledging, which must state its lease and urgency: add ' +
  'incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } }, or incidents.acknowledge: off';

function faultsOf(name: string, grant: Grant): readonly string[] {
  const [resource, verb, ...more] = name.split('.') as [Resource, string | undefined, ...string[]];
  const verbs: readonly string[] | undefined = Object.hasOwn(actionsOf, resource)
    ? actionsOf[resource]
    : undefined;
  if (!verbs) return [`no such resource; there are ${Object.keys(actionsOf).join(', ')}`];
  if (verb !== undefined && (more.length > 0 || !verbs.includes(verb)))
    return [`no such action; ${resource} has ${verbs.join(', ')}`];
  const faults: string[] = [];
  if (verb === 'view' && grant.level === 'full') faults.push('view is off or read');
  if (verb !== undefined && verb !== 'view' && grant.level === 'read') faults.push(`${verb} is off or full`);
  if (grant.level === 'off') {
    if (Object.keys(grant).length > 2 || Object.keys(grant.when).length > 0)
      faults.push('off takes no conditions');
    return faults;
  }
  for (const condition of Object.keys(grant.when) as Condition[]) {
    if (!conditionsOf[resource].includes(condition))
      faults.push(`${condition} says nothing about ${resource}`);
  }
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
