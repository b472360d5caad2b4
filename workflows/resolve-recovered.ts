import { type Applied, restOf } from './apply.ts';
import type { Chronicle } from './chronicle.ts';
import { type Plan, planIdOf } from './contract.ts';
import { inLots } from './in-turns.ts';
import { type OpenIncident, type OpenIncidents, openIncidents } from './open-incidents.ts';
import type { Draft, Left, PlannedWork } from './plan.ts';
import type { StormInput } from './reports.ts';
import { isReadBack, largestLot } from './resolve-lot.ts';
import { seenOf } from './seen.ts';
import { acknowledgersOf } from './state.ts';

/** How many one plan resolves: an operator looks at it as a whole, and it is weighed in one attempt. */
const mostResolved = 500;

type Resolved = Parameters<typeof isReadBack>[1][number];

/** The last part of a storm, as a plan: what its source has resolved is resolved, with an operator's word. */
export const resolvingRecovered = (input: StormInput, chronicle: Chronicle, since: number): PlannedWork => ({
  type: 'stormHandling',
  planId: planIdOf('stormHandling', input),
  onTrouble: 'leave',
  nothing: 'None of those that are open waits to be resolved.',
  read: async () => {
    const open = await openIncidents(input, chronicle, input, new Date(since).toISOString());
    return 'outcome' in open ? open : (without) => recoveredIn(open, without);
  },
  tell,
  readBack: async ({ done }) => {
    const resolved = done.flatMap(
      ({ response }) => (response as { readonly incidents?: readonly Resolved[] }).incidents ?? [],
    );
    const byService = new Map<string, Resolved[]>();
    for (const one of resolved) {
      const service = one.service?.id ?? '';
      byService.set(service, [...(byService.get(service) ?? []), one]);
    }
    // A service at a time: no list is longer than what is open on one.
    let stands = true;
    for (const some of byService.values()) stands = (await isReadBack(input, some, chronicle)) && stands;
    return stands;
  },
});

/** The plan: pure, and the same for the same incidents. What a person has acknowledged is left to them. */
export function recoveredIn(
  { incidents, ourUsers, complete }: OpenIncidents,
  without: ReadonlyMap<string, string>,
): Draft {
  const recovered = incidents.filter(
    ({ alert_counts: alerts }) => alerts && alerts.all > 0 && alerts.triggered === 0,
  );
  const isTaken = (one: OpenIncident): boolean =>
    acknowledgersOf(one).some((user) => !ourUsers.includes(user));
  const left: Left[] = recovered.flatMap((one) => {
    const why = isTaken(one) ? 'a person has acknowledged it' : without.get(one.id);
    return why === undefined ? [] : [{ what: one.id, why }];
  });
  const fit = recovered.filter((one) => !isTaken(one) && !without.has(one.id));
  // Those of one service together: a lot's own attempt reads them by the page.
  const resolved = fit
    .slice(0, mostResolved)
    .toSorted((a, b) => serviceOf(a).localeCompare(serviceOf(b)) || a.incident_number - b.incident_number);
  for (const { id } of fit.slice(mostResolved))
    left.push({ what: id, why: `one plan resolves no more than ${mostResolved}; run it again` });
  if (!complete)
    left.push({ what: `incidents beyond the first ${incidents.length}`, why: 'they were not looked at' });
  return {
    left,
    guards:
      resolved.length === 0
        ? []
        : [`it resolves ${resolved.length} of a storm whose alerts have all been resolved`],
    writes: inLots(resolved, largestLot).map((lot, index) => ({
      step: `Resolve ${lot.length} that have recovered, lot ${index + 1}`,
      operation: 'updateIncidents',
      request: {
        body: {
          incidents: lot.map(({ id }) => ({
            id,
            type: 'incident_reference',
            status: 'resolved',
            resolution: 'Its source has resolved all of its alerts; an operator approved that it is closed.',
          })),
        },
      },
      seen: lot.map(seenOf),
      effect: `Resolves ${lot.length} whose alerts have all been resolved.`,
      pages: [],
    })),
  };
}

const serviceOf = ({ service }: OpenIncident): string => service?.id ?? '';

function tell(applied: Applied, plan: Plan): string {
  const of = (writes: readonly Pick<Plan['writes'][number], 'seen'>[]): number =>
    writes.reduce((sum, { seen }) => sum + seen.length, 0);
  const resolved = of(applied.done.map(({ write }) => write));
  return [
    `${resolved} of ${of(plan.writes)} that have recovered are resolved.`,
    ...restOf(applied, plan),
  ].join(' ');
}
