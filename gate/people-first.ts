import { type Act, type Left, leftBy, tellAct } from './acts.ts';
import type { Decision, Question } from './decide.ts';
import { type IncidentFacts, sameSet } from './facts.ts';
import { saying } from './permit.ts';
import { join } from './words.ts';

/** Name of the step that undoes what another wrote, and of its key. */
export const putBackStep = (step: string): string => `${step}: put back`;

/** The step that was asked for, of one that undoes it. */
export const undoneStep = (step: string): string => step.replace(/(: put back)+$/, '');

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
