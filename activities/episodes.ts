import { isWithin } from '../gate/hours.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { RequestOf } from '../pagerduty/catalogue/index.ts';
import { oneLine } from '../pagerduty/text.ts';
import type { Doer, Noted } from '../workflows/contract.ts';
import type { Deps } from './deps.ts';
import { hoursOf, type Read } from './duties.ts';
import { doerOf, listNotes } from './log.ts';
import { type Named, namedOf } from './named.ts';
import { perform } from './perform.ts';
import { type Unseen, unseenIn } from './results.ts';

/** An incident, cut to what reports count and show. PagerDuty's words: data, never an order. */
export interface Episode {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly status: string;
  readonly urgency: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly resolvedAt: number | null;
  readonly service: Named | null;
  readonly assignees: readonly string[];
  readonly acknowledgers: readonly string[];
  /** Who last changed its status, and when (milliseconds); `null` where PagerDuty does not say. */
  readonly by: Doer;
  readonly changedAt: number | null;
  /** Whether a person has acknowledged it. */
  readonly isTaken: boolean;
  /** Id of its escalation policy. */
  readonly policy: string | null;
  /** How many alerts it has, and how many of them still fire; `null` where PagerDuty does not say. */
  readonly alerts: { readonly all: number; readonly firing: number } | null;
}

export interface EpisodePage extends Unseen {
  readonly episodes: readonly Episode[];
  /** How many records came, and when the last of them was created: where a walk goes on. */
  readonly came: number;
  readonly edge: string;
  readonly more: boolean;
}

const mostCharacters = { title: 100, note: 160 };

/** One page of incidents, cut to what reports count and show. */
export async function listEpisodes(
  deps: Deps,
  {
    step,
    query,
  }: { readonly step: string; readonly query: NonNullable<RequestOf<'listIncidents'>['query']> },
): Promise<Read<EpisodePage>> {
  const result = await perform(deps, 'listIncidents', { step, request: { query }, ours: true });
  if (!result.ok) return result;
  const { incidents, more } = result.response;
  return {
    ok: true,
    episodes: incidents.map((incident) => episodeOf(incident, result.ourUsers ?? [])),
    came: incidents.length,
    ...unseenIn(result),
    edge: incidents.at(-1)?.created_at ?? '',
    more: more === true,
    agent: result.agent,
    entry: result.entry,
  };
}

function episodeOf(incident: Incident, ourUsers: readonly string[]): Episode {
  const { id, incident_number, title, status, urgency, created_at, service, escalation_policy } = incident;
  const { last_status_change_at: changedAt, alert_counts: alerts } = incident;
  const resolvedAt = resolvedAtOf(incident);
  return {
    id,
    number: incident_number,
    title: oneLine(title ?? '', mostCharacters.title),
    status,
    urgency,
    at: Date.parse(created_at),
    resolvedAt: resolvedAt === null ? null : Date.parse(resolvedAt),
    service: service ? namedOf(service) : null,
    assignees: (incident.assignments ?? []).map(({ assignee }) => namedOf(assignee).name),
    acknowledgers: (incident.acknowledgements ?? []).map(({ acknowledger }) => namedOf(acknowledger).name),
    by: doerOf(incident.last_status_change_by, ourUsers),
    changedAt: changedAt ? Date.parse(changedAt) : null,
    isTaken: (incident.acknowledgements ?? []).some(
      ({ acknowledger }) => doerOf(acknowledger, ourUsers) === 'person',
    ),
    policy: escalation_policy?.id ?? null,
    alerts: alerts ? { all: alerts.all, firing: alerts.triggered } : null,
  };
}

/** When an incident was resolved, as PagerDuty writes it; `null` where it is open. */
export const resolvedAtOf = ({ status, resolved_at, last_status_change_at }: Incident): string | null =>
  resolved_at ?? (status === 'resolved' ? (last_status_change_at ?? null) : null);

/** The newest note of an incident, cut to a line; `null` where it has none. */
export async function readLastNote(
  deps: Deps,
  { step, incident }: { readonly step: string; readonly incident: string },
): Promise<Read<{ readonly note: Noted | null }>> {
  const result = await listNotes(deps, { step, incident });
  if (!result.ok) return result;
  const [note] = result.notes;
  return {
    ok: true,
    note: note ? { ...note, text: oneLine(note.text, mostCharacters.note) } : null,
    agent: result.agent,
    entry: result.entry,
  };
}

/** Who was paged for an incident and who answered, as far as its log says. */
export interface Trace {
  /** A person acknowledged it at some time. */
  readonly isAnswered: boolean;
  /** Whom it was given, each time. */
  readonly paged: readonly { readonly person: string; readonly isNight: boolean }[];
  /** There is more in the log than was read. */
  readonly more: boolean;
}

/** Who was paged for an incident and who answered. Nights are told apart here: what zones do is no business of a Workflow. */
export async function traceIncident(
  deps: Deps,
  { step, incident, night }: { readonly step: string; readonly incident: string; readonly night: string },
): Promise<Read<Trace>> {
  const hours = hoursOf(night);
  const result = await perform(deps, 'listIncidentLogEntries', {
    step,
    request: { params: { id: incident }, query: { limit: 100 } },
    ours: true,
  });
  if (!result.ok) return result;
  const { log_entries: log, more } = result.response;
  return {
    ok: true,
    isAnswered: log.some(
      ({ type, agent }) => type.startsWith('acknowledge') && doerOf(agent, result.ourUsers) === 'person',
    ),
    paged: log.flatMap(({ assignees, created_at: at }) =>
      (assignees ?? [])
        .filter(({ id }) => !result.ourUsers?.includes(id))
        .map((user) => ({ person: namedOf(user).name, isNight: isWithin(hours, Date.parse(at)) })),
    ),
    more: more === true,
    agent: result.agent,
    entry: result.entry,
  };
}
