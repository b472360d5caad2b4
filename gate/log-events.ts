import type { LogEntry } from '../pagerduty/catalogue/incidents.ts';
import type { IncidentEvent } from '../pagerduty/webhooks.ts';

/** An event that an incident's log tells of. */
export interface ToldEvent {
  readonly type: IncidentEvent;
  /** ISO 8601, as the log says it: to the second. */
  readonly at: string;
  /** Id of the log's entry. */
  readonly entry: string;
}

/** Entries that stand for one event each, whatever stands beside them. */
const plain: Readonly<Record<string, IncidentEvent>> = {
  unacknowledge: 'incident.unacknowledged',
  resolve: 'incident.resolved',
  escalate: 'incident.escalated',
  delegate: 'incident.delegated',
  annotate: 'incident.annotated',
  reopen: 'incident.reopened',
};

/**
 * The events that an incident's log tells of, oldest first. What the log does not say is not told: which field changed, what
 * tasks and roles there are, that a status update went out.
 * @param newestFirst as PagerDuty lists it.
 * @param since milliseconds since 1970; PagerDuty's log knows seconds, so the whole second counts.
 * @param isWhole whether the list reaches back to the incident's beginning.
 */
export function eventsIn(
  newestFirst: readonly LogEntry[],
  since: number,
  isWhole: boolean,
): readonly ToldEvent[] {
  const events: ToldEvent[] = [];
  let isResolved = false;
  let last: LogEntry | undefined;
  for (const [index, entry] of newestFirst.toReversed().entries()) {
    const { id, created_at: at } = entry;
    const word = wordOf(entry);
    const event = eventOf(entry, last, { isFirst: isWhole && index === 0, isResolved });
    if (word === 'resolve') isResolved = true;
    if (word === 'trigger' || word === 'acknowledge' || word === 'reopen') isResolved = false;
    last = entry;
    if (event && Date.parse(at) >= Math.floor(since / 1000) * 1000)
      events.push({ type: event, at, entry: id });
  }
  return events;
}

/** What an entry of the log is of, in PagerDuty's word. */
export const wordOf = ({ type }: LogEntry): string => type.replace(/_log_entry(_reference)?$/, '');

/** Whether an entry only says whose an incident is that was just opened, opened again or taken: no event of its own. */
export function isPartOf(before: LogEntry | undefined, entry: LogEntry): boolean {
  if (wordOf(entry) !== 'assign' || before?.created_at !== entry.created_at) return false;
  if (before.agent?.id !== entry.agent?.id) return false;
  const word = wordOf(before);
  // Whoever acknowledges can get it by that; anyone else gets it by a reassignment.
  const isTheirs = (entry.assignees ?? []).every(({ id }) => id === entry.agent?.id);
  return word === 'trigger' || word === 'reopen' || (word === 'acknowledge' && isTheirs);
}

function eventOf(
  entry: LogEntry,
  before: LogEntry | undefined,
  { isFirst, isResolved }: { readonly isFirst: boolean; readonly isResolved: boolean },
): IncidentEvent | undefined {
  const word = wordOf(entry);
  if (word === 'trigger') return isFirst ? 'incident.triggered' : 'incident.reopened';
  if (word === 'acknowledge') return isResolved ? 'incident.reopened' : 'incident.acknowledged';
  if (word === 'assign')
    return before === undefined || isPartOf(before, entry) ? undefined : 'incident.reassigned';
  return plain[word];
}
