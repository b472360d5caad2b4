import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import { attempt } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import type { Errand } from './contract.ts';
import { allPages } from './pages.ts';
import { type NoReads, noReads } from './plan.ts';
import { activitiesOf, perform } from './proxies.ts';
import { seenFields } from './seen.ts';
import { begin, pageAt, pagings } from './walk.ts';

/** An incident as far as plans look at it. */
export type OpenIncident = Pick<Incident, (typeof seenFields)[number]>;

export interface OpenIncidents {
  /** The oldest first. */
  readonly incidents: readonly OpenIncident[];
  /** Ids of our own users. */
  readonly ourUsers: readonly string[];
  /** Whether that is all that fit. */
  readonly complete: boolean;
}

/** Which open incidents: of services, or of teams. */
export interface Within {
  readonly services?: readonly string[];
  readonly teams?: readonly string[];
}

/** How many open incidents one plan is made from. */
const mostIncidents = 2_000;

/** Reads the open incidents of some services or teams, the oldest first. */
export async function openIncidents(
  { account }: Errand,
  chronicle: Chronicle,
  { services, teams }: Within,
  since?: string,
): Promise<OpenIncidents | NoReads> {
  const { look } = activitiesOf(account);
  const paging = pagings.listIncidents;
  const query = {
    ...(services && { 'service_ids[]': services }),
    ...(teams && { 'team_ids[]': teams }),
    'statuses[]': ['triggered', 'acknowledged'],
    ...(since === undefined ? { date_range: 'all' } : { since }),
  };
  const first = begin(paging, query, Date.now());
  let ourUsers: readonly string[] = [];
  const read = await attempt(
    allPages<'listIncidents', OpenIncident>(
      async (offset) => {
        const page = await perform(look.listIncidents, {
          step: `Read open incidents, from ${offset}`,
          request: { query: pageAt({ ...first, offset }, paging) as object },
          keep: [...seenFields],
          ours: true,
        });
        if (page.ok && page.ourUsers) ({ ourUsers } = page);
        return page;
      },
      ({ incidents }) => incidents,
      mostIncidents,
    ),
  );
  if (!read.ok) return noReads(read);
  chronicle.actsAs(read.agent);
  // Where a page ends and the next begins an incident may come twice.
  const all = [...new Map(read.items.map((incident) => [incident.id, incident])).values()];
  const incidents = all.toSorted((one, other) => one.incident_number - other.incident_number);
  chronicle.say(`${incidents.length} incidents are open.`);
  return { incidents, ourUsers, complete: read.complete };
}
