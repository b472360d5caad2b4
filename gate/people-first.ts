import type { LogEntry } from '../pagerduty/catalogue/incidents.ts';
import type { Decision, Question } from './decide.ts';
import { type IncidentFacts, sameSet } from './facts.ts';
import { saying } from './permit.ts';
import { join, nameOf } from './words.ts';

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

/** Name of the step that undoes what another wrote, and of its key. */
export const putBackStep = (step: string): string => `${step}: put back`;

/** The step that was asked for, of one that undoes it. */
export const undoneStep = (step: string): string => step.replace(/(: put back)+$/, '');

/** "Ada Okafor resolved it". */
export const tellAct = ({ kind, name }: Act): string => `${name} ${verbs[kind]}`;

/** What an entry of the log says was done; `undefined` where it is none of these acts. The first trigger opens the incident. */
function kindOf({ type }: LogEntry, isFirst: boolean): Act['kind'] | undefined {
  const word = type.replace(/_log_entry(_reference)?$/, '');
  if (word === 'trigger' || word === 'reopen') return isFirst ? undefined : 'reopen';
  return Object.hasOwn(verbs, word) ? (word as Act['kind']) : undefined;
}

/** One entry, as far as it counts: an act and whether a person did it. */
interface Step extends Act {
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

/**
 * What people did between our read and our write, in their order. Told by the order of the log, not by a clock: from our own
 * entry backwards to the first that what we had read shows already.
 * @param newestFirst the newest entries of the incident's log, as PagerDuty lists them.
 * @param written the status that we wrote.
 */
export function actsBetween(
  newestFirst: readonly LogEntry[],
  seen: IncidentFacts,
  written: 'triggered' | 'acknowledged' | 'resolved',
  ours: readonly string[],
): readonly Act[] {
  const steps = stepsOf(newestFirst.toReversed(), ours);
  const isOurs = ({ kind, by }: Step): boolean => ours.includes(by) && wrote[written].includes(kind);
  const mine = steps.findLastIndex(isOurs);
  // Our own write can have several entries: a release un-acknowledges and hands on.
  const first = steps.slice(0, mine + 1).findLastIndex((step) => !isOurs(step));
  return peopleSince(steps.slice(0, mine < 0 ? 0 : first + 1), seen);
}

/** What people did since an incident was seen, in their order. */
export const actsSince = (
  newestFirst: readonly LogEntry[],
  seen: IncidentFacts,
  ours: readonly string[],
): readonly Act[] => peopleSince(stepsOf(newestFirst.toReversed(), ours), seen);

/** Goes back to the first step that what was seen shows already. */
function peopleSince(steps: readonly Step[], seen: IncidentFacts): readonly Act[] {
  const known = steps.findLastIndex((step) => isShown(step, seen));
  return steps.slice(known + 1).flatMap(({ isPerson, ...act }) => (isPerson ? [act] : []));
}

/** Which entries of the log a status of ours leaves. */
const wrote: Readonly<Record<'triggered' | 'acknowledged' | 'resolved', readonly Act['kind'][]>> = {
  acknowledged: ['acknowledge', 'assign'],
  resolved: ['resolve'],
  triggered: ['unacknowledge', 'reopen', 'delegate', 'assign'],
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

/** What puts an incident back as people left it. */
export interface Amends {
  readonly status?: 'triggered' | 'resolved';
  /** Ids of the users whose it is. */
  readonly assignees?: readonly string[];
  /** Id of the escalation policy that pages again, where it would otherwise be left with us. */
  readonly policy?: string;
}

/**
 * What undoes our write in the people's favour: as they left it, or, where PagerDuty knows no way back to that, with those
 * who had taken it. `undefined` where theirs stands beside ours.
 * @param after the incident as our write left it.
 * @param ours ids of our own users: nobody is paged where the incident is theirs alone.
 */
export function amendsFor(
  acts: readonly Act[],
  seen: IncidentFacts,
  written: 'triggered' | 'acknowledged' | 'resolved',
  after: IncidentFacts,
  ours: readonly string[] = [],
): Amends | undefined {
  const amends = amendsOf(acts, seen, written, after);
  const { assignees = [], ...rest } = amends ?? {};
  const people = assignees.filter((user) => !ours.includes(user));
  if (people.length === assignees.length) return amends;
  if (people.length > 0) return { ...rest, assignees: people };
  if (rest.status === undefined && seen.policy === undefined) return undefined;
  return { ...rest, ...(seen.policy !== undefined && { policy: seen.policy }) };
}

function amendsOf(
  acts: readonly Act[],
  seen: IncidentFacts,
  written: 'triggered' | 'acknowledged' | 'resolved',
  after: IncidentFacts,
): Amends | undefined {
  const left = acts.reduce<Left>(leftBy, {
    status: seen.status,
    holders: [],
    assignees: seen.assignees,
  });
  const theirs = left.holders.length > 0 ? left.holders : left.assignees;
  const stolen = !sameSet(after.assignees, left.assignees);
  if (left.status === 'resolved') return written === 'resolved' ? undefined : { status: 'resolved' };
  switch (written) {
    case 'acknowledged':
      // Whoever was handed it must be paged; our acknowledge keeps that from them.
      if (left.status !== 'acknowledged')
        return { status: 'triggered', ...(stolen && { assignees: left.assignees }) };
      return stolen ? { assignees: left.assignees } : undefined;
    case 'resolved':
      return { status: 'triggered', ...(theirs.length > 0 && { assignees: theirs }) };
    case 'triggered':
      return sameSet(after.assignees, theirs) || theirs.length === 0 ? undefined : { assignees: theirs };
  }
}

interface Left {
  readonly status: string;
  /** People who have acknowledged it. */
  readonly holders: readonly string[];
  readonly assignees: readonly string[];
}

function leftBy(left: Left, { kind, by, assignees }: Act): Left {
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

/**
 * The runner's yes to undoing what a run of ours wrote, in favour of people who came between.
 * @param seen the incident as it is now.
 */
export function decideToPutBack(
  question: Question,
  seen: IncidentFacts,
  { acts, amends }: { readonly acts: readonly Act[]; readonly amends: Amends },
): Decision {
  return saying(question, {
    decision: 'allowed',
    rule: 'people first',
    sentence: `${question.agent} puts incident #${seen.number} (${seen.id}) ${tellAmends(amends)}: ${join(acts.map(tellAct))} between our look at it and our write, and people come first.`,
  });
}

/** "back to resolved", "back to triggered, with PADA". */
export const tellAmends = ({ status, assignees, policy }: Amends): string =>
  [
    ...(status ? [`back to ${status}`] : []),
    ...(assignees ? [`${status ? 'with' : 'back to'} ${join(assignees)}`] : []),
    ...(policy ? [`${status ? 'with' : 'back to'} escalation policy ${policy}`] : []),
  ].join(', ');
