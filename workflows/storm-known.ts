import { type Desk, deskOf } from './approvals.ts';
import type { Undone } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import type { StormInput, StormSituation } from './reports.ts';
import { type Cause, causesIn, type ServiceFacts, type StormReads, situationOf } from './storm.ts';
import type { Surveyed } from './survey-incidents.ts';
import type { Query } from './walk.ts';

/** A storm, as the run knows it so far. */
export interface Storm {
  readonly input: StormInput;
  readonly chronicle: Chronicle;
  readonly desk: Desk;
  /** When it began at most, milliseconds since 1970. */
  readonly since: number;
  readonly incidents: Map<string, Surveyed>;
  readonly earlier: Map<string, Surveyed>;
  /** When what was resolved of a service was last listed. */
  readonly earlierAt: Map<string, number>;
  readonly services: Map<string, ServiceFacts>;
  readonly onCall: Map<string, { readonly readAt: number; readonly names: readonly string[] }>;
  readonly leads: Set<string>;
  readonly noted: Set<string>;
  /** Incidents that were noted or could not be; policies that were paged or could not be. */
  readonly noteTried: Set<string>;
  readonly pageTried: Set<string>;
  readonly pages: StormSituation['pages'][number][];
  /** What waits until it may page. */
  readonly paging: Promise<void>[];
  /** What could not be read at the last look, each once. */
  missing: Set<string>;
  looks: number;
  situation: StormSituation;
  /** Why the first list of all could not be read: there is nothing to go by then. */
  stopped?: Pick<Undone, 'kind' | 'sentence'>;
  /** Why no more notes are tried. */
  noNotes?: string;
  unnoted: number;
}

const nothingYet: StormSituation = {
  at: null,
  looks: 0,
  incidents: 0,
  high: 0,
  open: 0,
  firing: 0,
  taken: 0,
  services: 0,
  causes: 0,
  noted: 0,
  pages: [],
  largest: [],
  missing: [],
};

/** A storm of which nothing is known yet. */
export const begun = (input: StormInput, chronicle: Chronicle, since: number): Storm => ({
  input,
  chronicle,
  desk: deskOf(input, chronicle),
  since,
  incidents: new Map(),
  earlier: new Map(),
  earlierAt: new Map(),
  services: new Map(),
  onCall: new Map(),
  leads: new Set(),
  noted: new Set(),
  noteTried: new Set(),
  pageTried: new Set(),
  pages: [],
  paging: [],
  missing: new Set(),
  looks: 0,
  situation: nothingYet,
  unnoted: 0,
});

/** The open incidents that may be of the storm. */
export const openQuery = ({ input: { services, teams }, since }: Storm): Query => ({
  ...(services && { 'service_ids[]': services }),
  ...(teams && { 'team_ids[]': teams }),
  'statuses[]': ['triggered', 'acknowledged'],
  since: new Date(since).toISOString(),
});

/** As an Activity's own priority: an ordinary step, and one of many that can wait. */
export const ordinaryPriority = 3;
export const bulkPriority = 5;

/** What is known of a storm, grouped and judged. */
export interface Judged {
  readonly reads: StormReads;
  readonly causes: readonly Cause[];
}

/** Groups and judges all that is known, and tells it. */
export function judgeAll(storm: Storm): Judged {
  const { incidents, earlier, services, leads } = storm;
  const reads: StormReads = {
    incidents,
    earlier: [...earlier.values()],
    services,
    onCall: new Map([...storm.onCall].map(([policy, { names }]) => [policy, names])),
    now: Date.now(),
  };
  const causes = causesIn(reads, leads);
  for (const { lead, members } of causes) if (members.length > 1) leads.add(lead.id);
  const judged = { reads, causes };
  tellNow(storm, judged);
  return judged;
}

/** Lets the situation say what was noted and paged since. */
export function tellNow(storm: Storm, { reads, causes }: Judged): void {
  const { looks, noted, pages, missing } = storm;
  storm.situation = situationOf(causes, reads, { looks, noted, pages: [...pages], missing: [...missing] });
}
