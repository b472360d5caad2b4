import type { LogEntry, LogEntryType } from '../model.ts';
import type { Query } from '../query.ts';
import { found, Refusal } from '../refusal.ts';
import { writeLogEntry } from '../wire/incident.ts';
import { viewOf } from '../wire/view.ts';
import { type Call, type Outcome, ok } from './handler.ts';
import { pageOf } from './lists.ts';

/** Newest first. Nothing but `since` and `until` limits the time: an incident's log is short. */
export function listIncidentLogEntries({ world, params, query }: Call<'listIncidentLogEntries'>): Outcome {
  const incident = found(world.incident(params.id));
  const view = viewOf(world, query);
  const isOverview = query.flag('is_overview');
  const inTime = writtenIn(query);
  const entries = incident.log
    .filter((entry) => inTime(entry) && (!isOverview || overview.has(entry.type)))
    .toReversed();
  return ok(pageOf('log_entries', entries, query, (entry) => writeLogEntry(view, incident, entry)));
}

/** "The most important changes", PagerDuty says, and not which these are. */
const overview: ReadonlySet<LogEntryType> = new Set([
  'trigger',
  'acknowledge',
  'unacknowledge',
  'escalate',
  'delegate',
  'repeat_escalation_path',
  'exhaust_escalation_path',
  'annotate',
  'resolve',
]);

function writtenIn(query: Query): (entry: LogEntry) => boolean {
  const since = query.instant('since') ?? Number.NEGATIVE_INFINITY;
  const until = query.instant('until') ?? Number.POSITIVE_INFINITY;
  if (until < since) throw new Refusal(2004, 'until must not be before since.');
  return ({ at }) => {
    // As it is shown, in whole seconds.
    const shown = Math.floor(at / 1000) * 1000;
    return since <= shown && shown <= until;
  };
}
