import type { Agent } from '../../gate/configuration.ts';

/** The OAuth scopes that an agent's grants need, each with the grant that needs it most plainly. */
export function scopesOf({ grants }: Agent): ReadonlyMap<string, string> {
  const needed = new Map<string, string>();
  const need = (scope: string, grant: string): void => void (needed.has(scope) || needed.set(scope, grant));
  for (const [name, { level }] of grants) {
    const [resource = '', verb] = name.split('.');
    // Events go over a routing key, which has no scopes.
    if (level === 'off' || resource === 'events') continue;
    need(`${resource}.read`, name);
    const writes = verb === undefined ? level === 'full' && resource !== 'oncalls' : verb !== 'view';
    if (writes) need(`${resource}.write`, name);
  }
  return needed;
}

/** What an agent may hold, and for how long. */
export interface Holding {
  readonly agent: string;
  readonly leaseMs: number;
  readonly services: readonly string[] | undefined;
  readonly teams: readonly string[] | undefined;
}

/** The grants of acknowledging. Without services or teams one holds of all. */
export function holdingsOf(agents: ReadonlyMap<string, Agent>): readonly Holding[] {
  return [...agents].flatMap(([agent, { grants }]) => {
    const { level, leaseMs, when } = grants.get('incidents.acknowledge') ?? {};
    if (level !== 'full' || leaseMs === undefined) return [];
    return [{ agent, leaseMs, services: when?.services, teams: when?.teams }];
  });
}

/** Ids of services that grants and denies name, each with who names it. */
export function servicesNamed(agents: ReadonlyMap<string, Agent>): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (const [agent, { grants, deny }] of agents)
    for (const { when } of [...grants.values(), ...deny])
      for (const id of when.services ?? []) if (!named.has(id)) named.set(id, agent);
  return named;
}
