import { type Act, type Left, leftBy, tellAct, type Written } from './acts.ts';
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
  written: Written,
  after: IncidentFacts,
  ours: readonly string[] = [],
): Amends | undefined {
  const amends = amendsOf(acts, seen, written, after);
  if (!amends || amends.status === 'resolved') return amends;
  const { assignees, ...rest } = amends;
  const whose = assignees ?? after.assignees;
  const people = whose.filter((user) => !ours.includes(user));
  if (whose.length === 0 || people.length > 0) return assignees ? { ...rest, assignees: people } : amends;
  // With us alone nobody is paged. Whoever has it meanwhile keeps it; else its policy names somebody.
  const isWithPeople = after.assignees.some((user) => !ours.includes(user));
  if (!isWithPeople && seen.policy !== undefined) return { ...rest, policy: seen.policy };
  return rest.status ? rest : undefined;
}

/**
 * What gives an incident to people that they have acted on and that is assigned to us alone, as one is that we had opened
 * again; `undefined` where it is with people, or over.
 * @param ours ids of our own users.
 */
export function amendsOfOurs(
  { status, assignees, acknowledgers, policy }: IncidentFacts,
  ours: readonly string[],
): Amends | undefined {
  const isOurs = (user: string): boolean => ours.includes(user);
  if (status === 'resolved' || assignees.length === 0 || !assignees.every(isOurs)) return undefined;
  const people = acknowledgers.filter((user) => !isOurs(user));
  if (people.length > 0) return { assignees: people };
  if (policy === undefined) return undefined;
  return { ...(status === 'acknowledged' && { status: 'triggered' }), policy };
}

function amendsOf(
  acts: readonly Act[],
  seen: IncidentFacts,
  written: Written,
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
    case 'handed': {
      // Handing it on leaves an acknowledge to whoever gets it, and takes it from anybody else.
      const isTaken = left.holders.some((user) => !after.acknowledgers.includes(user));
      const isHanded = acts.some(({ assignees }) => assignees.length > 0);
      const wanted = isTaken ? left.holders : isHanded ? left.assignees : after.assignees;
      return sameSet(after.assignees, wanted) ? undefined : { assignees: wanted };
    }
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
