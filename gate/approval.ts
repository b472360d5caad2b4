import { digestOf } from './canonical.ts';
import type { Agent, Operator } from './configuration.ts';
import type { Facts } from './facts.ts';
import type { Approval } from './grants.ts';
import type { Policy } from './policy.ts';
import type { Step } from './steps.ts';
import { join } from './words.ts';

/** What an operator signs: exactly this step of this run, on exactly these facts. */
export interface ApprovalClaim {
  readonly step: string;
  readonly request: string;
  readonly facts: string;
}

/** What is approved is approved on these facts; who is on call may change meanwhile. */
export const approvalClaim = (
  { key, digest }: Step,
  { incidents = [], services = [], policies = [], schedules = [], users = [] }: Facts,
): ApprovalClaim => ({
  step: key,
  request: digest,
  facts: digestOf({ incidents, services, policies, schedules, users }),
});

/** Digest of what a step sends. */
export const requestDigest = (operation: string, request: unknown): string => digestOf([operation, request]);

/** Whose word a step has, and whose it still lacks. */
export interface Words {
  /** Names of the operators whose word counts. */
  readonly given: readonly string[];
  /** Absent where enough operators gave their word. */
  readonly missing?: {
    readonly whom: string;
    readonly by: readonly string[];
    readonly people: number;
    /** Whether the grant names its operators: those may answer by a note also while they are not on call. */
    readonly isNamed: boolean;
  };
}

/** Counts the words on a step: of operators who may approve it, of one person once, and never of the agent's own person. */
export function wordsOn(
  { operators }: Pick<Policy, 'operators'>,
  agent: Agent,
  { by, people }: Approval,
  approvedBy: readonly string[],
): Words {
  // Nobody approves what their own agent asks for.
  const may = [...operators].filter(
    ([name, operator]) => (by?.includes(name) ?? true) && !isSamePerson(agent, operator),
  );
  const given = distinct(may.filter(([name]) => approvedBy.includes(name)));
  if (given.length >= people) return { given: namesOf(given) };
  const left = may.filter(([, operator]) => !given.some(([, other]) => isSamePerson(operator, other)));
  const wanted = people - given.length;
  const there = distinct(left).length;
  const names = join(namesOf(left));
  const whom =
    there < wanted
      ? `${wanted > 1 ? `${wanted} operators` : 'an operator'} who may approve it ${wanted > 1 ? 'are' : 'is'} in the configuration; there is ${there > 0 ? `only ${names}` : 'none'}`
      : wanted > 1
        ? `${wanted} of ${names} approve`
        : `${left.length > 1 ? `one of ${names}` : names} approves`;
  return {
    given: namesOf(given),
    missing: { whom, by: namesOf(left), people: wanted, isNamed: by !== undefined },
  };
}

type Named = readonly [string, Operator];

const namesOf = (operators: readonly Named[]): readonly string[] => operators.map(([name]) => name);

/** Each person once: who stands there under two names has one word. */
const distinct = (operators: readonly Named[]): readonly Named[] =>
  operators.filter(
    ([, operator], index) =>
      !operators.slice(0, index).some(([, earlier]) => isSamePerson(operator, earlier)),
  );

/** Whether two identities are one person: by any of their keys, or by their user in PagerDuty. */
export function isSamePerson(one: Agent | Operator, other: Agent | Operator): boolean {
  return (
    sharesKey(one, other) || (one.pagerduty_user !== undefined && one.pagerduty_user === other.pagerduty_user)
  );
}

/** Whether who signs as one can sign as the other, by any of their keys. */
export const sharesKey = (one: Agent | Operator, other: Agent | Operator): boolean =>
  keysOf(other).some((key) => keysOf(one).includes(key));

/** An agent may have none; no operator lacks one, so that nothing is the same as nothing. */
const keysOf = ({ public_key, previous_keys = [] }: Agent | Operator): readonly (string | undefined)[] => [
  public_key,
  ...previous_keys.map((previous) => previous.public_key),
];
