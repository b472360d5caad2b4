import type { Named } from '../activities/index.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { OnCall } from '../pagerduty/catalogue/oncalls.ts';
import { asSaid, shortened } from './said.ts';
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
  /** Of one that is handed back to its escalation policy: whom that pages; absent where it could not be read. */
  readonly pages?: readonly Named[];
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

/** Of those on call for a policy now whom it pages first: all of the lowest level that has somebody. */
export function pagedIn(onCalls: readonly Pick<OnCall, 'escalation_level' | 'user'>[]): readonly Named[] {
  const lowest = Math.min(...onCalls.map(({ escalation_level }) => escalation_level));
  const names = new Map(
    onCalls
      .filter(({ escalation_level }) => escalation_level === lowest)
      .map(({ user: { id, summary } }) => [id, asSaid(summary, id)]),
  );
  return [...names].map(([id, name]) => ({ id, name })).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** What stands beside an incident now, of what a plan went by. */
export interface Beside {
  readonly notes?: readonly { readonly id: string }[] | undefined;
  /** What is kept in its stead; `undefined` where PagerDuty has it no longer. */
  readonly kept?: Incident | undefined;
  /** Who is on call for its escalation policy. */
  readonly onCalls?: Parameters<typeof pagedIn>[0] | undefined;
}

/** What is different of an incident now, in words: "its status was triggered and is resolved". Empty where nothing is. */
export function driftOf(
  was: SeenIncident,
  incident: Incident,
  { notes, kept, onCalls }: Beside = {},
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
    ...(was.pages && onCalls ? pagesDriftOf(was.pages, pagedIn(onCalls)) : []),
  ];
}

/** That handing it back reaches others than it did. */
function pagesDriftOf(was: readonly Named[], now: readonly Named[]): readonly string[] {
  const [before, after] = [was, now].map((some) => some.map(({ id }) => id).join());
  if (before === after) return [];
  const [past, present] = [was, now].map((some) => saidOf(some.map(({ name }) => name)));
  return [`handing it back would page ${present} now, and the plan says ${past}`];
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
