import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import { shortened } from './said.ts';
import { acknowledgersOf, assigneesOf, notesMark } from './state.ts';

/** An incident as a plan saw it: whatever of this is different when it is applied stops it there. */
export interface SeenIncident {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly status: string;
  readonly urgency: string;
  readonly priority: string;
  readonly service: string;
  readonly policy: string;
  readonly assignees: readonly string[];
  readonly acknowledgers: readonly string[];
  /** How many alerts it has, and how many of them still fire. */
  readonly alerts: readonly [all: number, firing: number];
  /** See `notesMark`; only where the plan hangs on what was noted. */
  readonly notes?: string;
  /** Of a duplicate: the one that stays open in its stead. Whoever has it, and how many alerts it has, is no matter. */
  readonly kept?: Kept;
}

/** An incident that stays open in the stead of others. */
interface Kept {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly service: string;
}

/** Who has a schedule in a span, as a plan saw it; `user` null where nobody has. */
export interface SeenTurns {
  readonly start: number;
  readonly end: number;
  readonly turns: readonly { readonly start: number; readonly end: number; readonly user: string | null }[];
}

/** What of an incident a plan goes by. */
export const seenFields = [
  'id',
  'incident_number',
  'title',
  'status',
  'urgency',
  'priority',
  'created_at',
  'last_status_change_at',
  'service',
  'escalation_policy',
  'assignments',
  'acknowledgements',
  'alert_counts',
] as const satisfies readonly (keyof Incident)[];

export const seenOf = (incident: Pick<Incident, (typeof seenFields)[number]>): SeenIncident => ({
  id: incident.id,
  number: incident.incident_number,
  title: incident.title ?? '',
  status: incident.status,
  urgency: incident.urgency,
  priority: incident.priority?.id ?? '',
  service: incident.service?.id ?? '',
  policy: incident.escalation_policy?.id ?? '',
  assignees: assigneesOf(incident).toSorted(),
  acknowledgers: acknowledgersOf(incident).toSorted(),
  alerts: [incident.alert_counts?.all ?? 0, incident.alert_counts?.triggered ?? 0],
});

export const keptOf = ({
  id,
  incident_number: number,
  title,
  service,
}: Pick<Incident, 'id' | 'incident_number' | 'title' | 'service'>): Kept => ({
  id,
  number,
  title: title ?? '',
  service: service?.id ?? '',
});

/** The newest note and how many there are, of what PagerDuty lists: the newest first. */
export const notesIn = (notes: readonly { readonly id: string }[]): string =>
  notesMark({ count: notes.length, newest: notes[0]?.id ?? null });

/**
 * What is different of an incident now, in words: "its status was triggered and is resolved". Empty where nothing is.
 * @param notes of an incident whose notes the plan went by.
 * @param kept what is kept in its stead, as it is now; `undefined` where PagerDuty has it no longer.
 */
export function driftOf(
  was: SeenIncident,
  incident: Incident,
  notes?: readonly { readonly id: string }[],
  kept?: Incident,
): readonly string[] {
  const now = seenOf(incident);
  const fields = (
    ['status', 'urgency', 'title', 'priority', 'service', 'policy', 'assignees', 'acknowledgers'] as const
  ).flatMap((field) => {
    const [before, after] = [was[field], now[field]];
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    const [past, present] = typeof before === 'string' ? ['was', 'is'] : ['were', 'are'];
    return [`its ${field} ${past} ${saidOf(before)} and ${present} ${saidOf(after)}`];
  });
  const [[all, firing], [allNow, firingNow]] = [was.alerts, now.alerts];
  return [
    ...fields,
    ...(allNow === all ? [] : [`it had ${alertsOf(all)} and has ${allNow}`]),
    ...(allNow === all && firingNow !== firing
      ? [`of its ${alertsOf(all)} ${firing} fired and ${firingNow} fire now`]
      : []),
    ...(was.notes === undefined || notes === undefined || was.notes === notesIn(notes)
      ? []
      : ['somebody has noted something on it']),
    ...(was.kept ? keptDriftOf(was.kept, kept) : []),
  ];
}

/** Why an incident stays open in the stead of others no longer. */
function keptDriftOf(was: Kept, incident: Incident | undefined): readonly string[] {
  const isNow = (what: string): readonly string[] => [
    `#${was.number}, which is kept in its stead, is ${what}`,
  ];
  if (!incident) return isNow('no longer in PagerDuty');
  if (incident.status === 'resolved') return isNow('resolved');
  const { title, service } = keptOf(incident);
  if (title !== was.title) return isNow(`called ${shortened(title, longestValue)}`);
  if (service !== was.service) return isNow(`one of ${service || 'no service'}`);
  return [];
}

/** How much of a title a sentence shows, in characters. */
const longestValue = 200;

const saidOf = (value: string | readonly string[]): string =>
  typeof value === 'string'
    ? value === ''
      ? 'none'
      : shortened(value, longestValue)
    : value.join(' and ') || 'nobody';

const alertsOf = (count: number): string => `${count} ${count === 1 ? 'alert' : 'alerts'}`;
