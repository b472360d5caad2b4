import type { LogEntry } from '../pagerduty/catalogue/incidents.ts';
import type { IncidentEvent } from '../pagerduty/webhooks.ts';
import { type IncidentFacts, sameSet } from './facts.ts';
import { eventsIn, isPartOf, wordOf } from './log-events.ts';
import { nameOf } from './words.ts';

/** What a person did to an incident: the acts that make a run step back. */
export interface Act {
  readonly kind: keyof typeof verbs;
  /** Id of the user. */
  readonly by: string;
  /** As PagerDuty calls that user. */
  readonly name: string;
  /** Ids of the users it went to, where it was handed on. */
  readonly assignees: readonly string[];
  /** ISO 8601. */
  readonly at: string;
}

const verbs = {
  acknowledge: 'acknowledged it',
  resolve: 'resolved it',
  unacknowledge: 'un-acknowledged it',
  reopen: 'opened it again',
  assign: 'reassigned it',
  escalate: 'escalated it',
  delegate: 'handed it to another escalation policy',
  snooze: 'snoozed it',
} as const;

/** "Ada Okafor resolved it". */
export const tellAct = ({ kind, name }: Act): string => `${name} ${verbs[kind]}`;

/** What an entry of the log says was done; `undefined` where it is none of these acts. The first trigger opens the incident. */
function kindOf(entry: LogEntry, isFirst: boolean): Act['kind'] | undefined {
  const word = wordOf(entry);
  if (word === 'trigger' || word === 'reopen') return isFirst ? undefined : 'reopen';
  return Object.hasOwn(verbs, word) ? (word as Act['kind']) : undefined;
}

/** One entry, as far as it counts: an act, where it stands in the log, and whether a person did it. */
interface Step extends Act {
  readonly index: number;
  readonly isPerson: boolean;
}

/** @param entries oldest first, from the first on. */
function stepsOf(entries: readonly LogEntry[], ours: readonly string[]): readonly Step[] {
  return entries.flatMap((entry, index): readonly Step[] => {
    const kind = kindOf(entry, index === 0);
    const { agent, assignees, created_at } = entry;
    if (kind === undefined) return [];
    return [
      {
        index,
        kind,
        by: agent?.id ?? '',
        name: nameOf(agent?.summary ?? agent?.id ?? 'somebody'),
        assignees: (assignees ?? []).map(({ id }) => id),
        at: created_at,
        isPerson: agent?.type?.startsWith('user') === true && !ours.includes(agent.id),
      },
    ];
  });
}

/** What a write of ours does to an incident: the status that it sets, or `handed` where it only says whose it is. */
export type Written = 'triggered' | 'acknowledged' | 'resolved' | 'handed';

/**
 * What people did between our read and our write, in their order. Told by the order of the log, not by a clock: from our own
 * entry backwards to the first that what we had read shows already.
 * @param newestFirst the newest entries of the incident's log, as PagerDuty lists them.
 */
export const actsBetween = (
  newestFirst: readonly LogEntry[],
  seen: IncidentFacts,
  written: Written,
  ours: readonly string[],
): readonly Act[] =>
  actsOf(stepsSince(beforeOurs(stepsOf(newestFirst.toReversed(), ours), written, ours), seen));

/**
 * What people did between a look at the log and a write that came soon after it, in their order.
 * @param last id of the newest entry of the log at that look.
 */
export function actsAfter(
  newestFirst: readonly LogEntry[],
  last: string | undefined,
  written: Written,
  ours: readonly string[],
): readonly Act[] {
  const entries = newestFirst.toReversed();
  const isSince = isAfter(entries.findIndex(({ id }) => id === last));
  return actsOf(beforeOurs(stepsOf(entries, ours).filter(isSince), written, ours));
}

/** The steps before our own last write; none where the log shows none of ours. */
function beforeOurs(steps: readonly Step[], written: Written, ours: readonly string[]): readonly Step[] {
  const isOurs = ({ kind, by }: Step): boolean => ours.includes(by) && wrote[written].includes(kind);
  const mine = steps.findLastIndex(isOurs);
  // Our own write can have several entries: a release un-acknowledges and hands on.
  const first = steps.slice(0, mine + 1).findLastIndex((step) => !isOurs(step));
  return steps.slice(0, mine < 0 ? 0 : first + 1);
}

/** What happened since an incident was seen. */
export interface Since {
  /** What people did, in their order. */
  readonly acts: readonly Act[];
  /** Who took an acknowledge back where no person did: PagerDuty itself, or we; `null` where the log tells of none. */
  readonly takenBack: 'pagerduty' | 'ours' | null;
}

/** What happened since an incident was seen, as its log tells it. */
export function happenedSince(
  newestFirst: readonly LogEntry[],
  seen: IncidentFacts,
  ours: readonly string[],
): Since {
  const fresh = stepsSince(stepsOf(newestFirst.toReversed(), ours), seen);
  const back = fresh.findLast(({ kind, isPerson }) => kind === 'unacknowledge' && !isPerson);
  return {
    acts: actsOf(fresh),
    takenBack: back === undefined ? null : ours.includes(back.by) ? 'ours' : 'pagerduty',
  };
}

/** What a run began with. */
export interface Beginning {
  /** When it began, by PagerDuty's clock, milliseconds since 1970; rather too early than too late. */
  readonly at: number;
  /** The event that started it, where one did. */
  readonly on?: IncidentEvent;
}

/**
 * What people did since a run began, in their order: also before it first saw the incident. Where an event started it, since
 * that event, however long it was on its way.
 * @param isWhole whether the list reaches back to the incident's beginning.
 */
export function actsFrom(
  newestFirst: readonly LogEntry[],
  { at, on }: Beginning,
  ours: readonly string[],
  isWhole: boolean,
): readonly Act[] {
  const entries = newestFirst.toReversed();
  // The log knows seconds, so the whole second counts.
  const from = Math.floor(at / 1000) * 1000;
  const told = eventsIn(newestFirst, 0, isWhole).filter(({ type }) => type === on);
  const start = told.find((event) => Date.parse(event.at) >= from) ?? told.at(-1);
  const isSince = start
    ? isAfter(entries.findIndex(({ id }) => id === start.entry))
    : ({ at: when }: Step) => Date.parse(when) >= from;
  const isOwn = ({ index }: Step): boolean => {
    const entry = entries[index];
    return entry !== undefined && !isPartOf(entries[index - 1], entry);
  };
  return actsOf(stepsOf(entries, ours).filter((step) => isSince(step) && isOwn(step)));
}

const isAfter =
  (start: number) =>
  ({ index }: Step): boolean =>
    index > start;

const actsOf = (steps: readonly Step[]): readonly Act[] =>
  steps.flatMap(({ isPerson, index: _index, ...act }) => (isPerson ? [act] : []));

/** What came after the last step that what was seen shows already. */
function stepsSince(steps: readonly Step[], seen: IncidentFacts): readonly Step[] {
  // Handed on and handed back, an incident shows the last step as well; but not as it was seen.
  const whole = steps.findLastIndex((step, index) => isShown(step, seen) && isAsSeen(steps, index, seen));
  const known = whole >= 0 ? whole : steps.findLastIndex((step) => isShown(step, seen));
  return steps.slice(known + 1);
}

/** Whether an incident was as it was seen after a step, as far as the log tells. */
function isAsSeen(steps: readonly Step[], index: number, seen: IncidentFacts): boolean {
  const sofar = steps.slice(0, index + 1);
  const { status, holders, assignees } = sofar.reduce<Left>(leftBy, opened);
  // Whose it is after these, the log does not say.
  const last = sofar.findLast(({ kind }) => kind !== 'acknowledge' && kind !== 'snooze');
  const isTold = last !== undefined && last.assignees.length > 0;
  return (
    status === seen.status &&
    sameSet(holders, seen.acknowledgers) &&
    (!isTold || sameSet(assignees, seen.assignees))
  );
}

/** Which entries of the log a write of ours leaves. */
const wrote: Readonly<Record<Written, readonly Act['kind'][]>> = {
  acknowledged: ['acknowledge', 'assign'],
  resolved: ['resolve'],
  triggered: ['unacknowledge', 'reopen', 'delegate', 'assign'],
  handed: ['delegate', 'assign'],
};

/** Whether what was read shows the act already. */
function isShown({ kind, by, assignees }: Act, seen: IncidentFacts): boolean {
  switch (kind) {
    case 'acknowledge':
      return seen.acknowledgers.includes(by);
    case 'resolve':
      return seen.status === 'resolved';
    case 'unacknowledge':
    case 'reopen':
      return seen.status === 'triggered';
    case 'assign':
    case 'escalate':
    case 'delegate':
      return sameSet(assignees, seen.assignees);
    case 'snooze':
      // No fact shows it.
      return false;
  }
}

/** How an incident was left. */
export interface Left {
  readonly status: string;
  /** Who has acknowledged it. */
  readonly holders: readonly string[];
  readonly assignees: readonly string[];
}

const opened: Left = { status: 'triggered', holders: [], assignees: [] };

/** How an act leaves it. */
export function leftBy(left: Left, { kind, by, assignees }: Act): Left {
  switch (kind) {
    case 'acknowledge':
      return { ...left, status: 'acknowledged', holders: [...new Set([...left.holders, by])] };
    case 'resolve':
      return { ...left, status: 'resolved', holders: [], assignees: [] };
    case 'unacknowledge':
    case 'reopen':
      return { ...left, status: 'triggered', holders: [] };
    case 'assign':
    case 'escalate':
    case 'delegate': {
      // Whoever gets it has not acknowledged it, unless they had before.
      const holders = left.holders.filter((user) => assignees.includes(user));
      return { status: holders.length > 0 ? 'acknowledged' : 'triggered', holders, assignees };
    }
    case 'snooze':
      return left;
  }
}
