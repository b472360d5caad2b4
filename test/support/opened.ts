import { trigger } from '../../simulator/alerts.ts';
import type { Simulator } from '../../simulator/index.ts';
import type { Incident } from '../../simulator/model.ts';
import { seedIds } from '../../simulator/seed-data.ts';

/** Opens incidents on a service of the seed world, one a second, each with an alert of its own. */
export function opened(
  { world }: Simulator,
  of: keyof typeof seedIds.routingKeys,
  count: number,
  titled: (index: number) => string = (index) => `Down ${index}`,
  severity: 'critical' | 'info' = 'critical',
): readonly Incident[] {
  const integration = world.integrationOf(seedIds.routingKeys[of]);
  if (!integration) throw new Error(`The seed world has lost ${of}.`);
  return Array.from({ length: count }, (_, index) => {
    const key = `${of}-${index}-${Math.random()}`;
    world.clock.advance(1);
    trigger(world, integration, { key, summary: titled(index), severity, details: {}, contexts: [] });
    const [incident] = world.incidentIndex.byKey(key);
    if (!incident) throw new Error('Nobody is on call.');
    return incident;
  });
}

export const statuses = (incidents: readonly Incident[]): readonly string[] =>
  incidents.map(({ status }) => status);
