import { isSamePerson, sharesKey } from './approval.ts';
import type { Agent, Operator } from './configuration.ts';
import type { Policy } from './policy.ts';
import { join } from './words.ts';

/** A person whose duty a plan changes, by user in PagerDuty: a taker gets a duty, an owner has it until then. */
export interface Concerned {
  readonly user: string;
  readonly name: string;
  readonly as: 'taker' | 'owner';
}

/** Whose words a plan has of those whom it concerns, and whose it still lacks. */
export interface Consents {
  /** What must be said yet, as it follows "once". */
  readonly missing: readonly string[];
  /** Operators who may say it. */
  readonly by: readonly string[];
  /** How many of them must, at least. */
  readonly people: number;
  /** Why a word that is needed can come from nobody. */
  readonly hopeless: readonly string[];
  /** Operators who are no taker: whoever must say yes beside the takers is one of these. */
  readonly others: readonly string[];
  /** Said to whoever spoke and is not the taker who must; absent where nobody did. */
  readonly notTheirs?: string;
}

/**
 * Who has agreed. A taker agrees in person: nobody's word stands in for it, and no key that the agent has as well. Who takes a
 * duty that the own agent asked for agrees like anybody else. An owner's word is the owner's, that of another operator who is no
 * taker, or that of the owner's own agent, which asks for it.
 */
export function consentsOn(
  { operators }: Pick<Policy, 'operators'>,
  agent: Agent,
  concerned: readonly Concerned[],
  approvedBy: readonly string[],
): Consents {
  const takers = concerned.filter(({ as }) => as === 'taker');
  const isTaker = ({ pagerduty_user }: Operator): boolean =>
    takers.some(({ user }) => user === pagerduty_user);
  const all = [...operators];
  const others = all
    .filter(([, operator]) => !isTaker(operator) && !isSamePerson(agent, operator))
    .map(([name]) => name);
  const missing: string[] = [];
  const hopeless: string[] = [];
  const silent: string[] = [];
  const by = new Set<string>();
  let people = 0;
  for (const { user, name } of takers) {
    const own = all.filter(([, operator]) => operator.pagerduty_user === user && !sharesKey(agent, operator));
    if (own.length === 0)
      hopeless.push(`${name} must agree, and the configuration has no operator who is ${user} in PagerDuty`);
    else if (!own.some(([operator]) => approvedBy.includes(operator))) {
      silent.push(name);
      missing.push(`${name} agrees (${join(own.map(([operator]) => operator))})`);
      for (const [operator] of own) by.add(operator);
      people += 1;
    }
  }
  const owners = concerned.filter(({ as, user }) => as === 'owner' && user !== agent.pagerduty_user);
  const isGranted = owners.length === 0 || others.some((operator) => approvedBy.includes(operator));
  if (owners.length > 0 && others.length === 0)
    hopeless.push(`${namesOf(owners)} must agree, or another operator, and the configuration has none`);
  else if (!isGranted) {
    missing.push(`${namesOf(owners)} or another operator agrees (one of ${join(others)})`);
    for (const operator of others) by.add(operator);
    people += 1;
  }
  const spoke = approvedBy.filter((operator) => others.includes(operator));
  return {
    missing,
    by: [...by],
    people,
    hopeless,
    others,
    ...(spoke.length > 0 &&
      silent.length > 0 && {
        notTheirs: `The word of ${join(spoke)} does not stand in for that of ${join(silent)}, who must agree too.`,
      }),
  };
}

const namesOf = (some: readonly Concerned[]): string => join(some.map(({ name }) => name));
