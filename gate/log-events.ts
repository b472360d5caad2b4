import type { LogEntry } from '../pagerduty/catalogue/incidents.ts';
import type { IncidentEvent } from '../pagerduty/webhooks.ts';

/** An event that an incident's log tells of. */
export interface ToldEvent {
  readonly type: IncidentEvent;
  /** ISO 8601, as the log says it. */
  readonly at: string;
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
  let last: { readonly word: string; readonly at: string } | undefined;
  for (const [index, { type, created_at: at }] of newestFirst.toReversed().entries()) {
    const word = type.replace(/_log_entry(_reference)?$/, '');
    const event = eventOf(word, { isFirst: isWhole && index === 0, isResolved, at, last });
    if (word === 'resolve') isResolved = true;
    if (word === 'trigger' || word === 'acknowledge' || word === 'reopen') isResolved = false;
    last = { word, at };
    if (event && Date.parse(at) >= Math.floor(since / 1000) * 1000) events.push({ type: event, at });
  }
  return events;
}

function eventOf(
  word: string,
  {
    isFirst,
    isResolved,
    at,
    last,
  }: {
    readonly isFirst: boolean;
    readonly isResolved: boolean;
    readonly at: string;
    readonly last: { readonly word: string; readonly at: string } | undefined;
  },
): IncidentEvent | undefined {
  if (word === 'trigger') return isFirst ? 'incident.triggered' : 'incident.reopened';
  if (word === 'acknowledge') return isResolved ? 'incident.reopened' : 'incident.acknowledged';
  if (word === 'assign') {
    // Whom it goes to when it opens, or opens again, is no event of its own.
    const isPart = last?.at === at && ['trigger', 'reopen', 'acknowledge'].includes(last.word);
    return isPart || last === undefined ? undefined : 'incident.reassigned';
  }
  return plain[word];
}
