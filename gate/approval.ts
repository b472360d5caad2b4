import { digestOf } from './canonical.ts';
import type { Facts } from './facts.ts';
import type { Approval } from './grants.ts';
import type { Agent, Operator, Policy } from './policy.ts';
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
  readonly missing?: { readonly whom: string; readonly by: readonly string[]; readonly people: number };
}

/** Counts the words on a step: of operators who may approve it, and never of the agent's own person. */
export function wordsOn(
  { operators }: Pick<Policy, 'operators'>,
  agent: Agent,
  { by, people }: Approval,
  approvedBy: readonly string[],
): Words {
  const may = [...operators]
    .filter(([name, operator]) => (by?.includes(name) ?? true) && !isSelf(agent, operator))
    .map(([name]) => name);
  const given = may.filter((name) => approvedBy.includes(name));
  if (given.length >= people) return { given };
  const left = may.filter((name) => !given.includes(name));
  const wanted = people - given.length;
  const whom =
    left.length < wanted
      ? 'an operator who may approve it is in the configuration; there is none'
      : wanted > 1
        ? `${wanted} of ${join(left)} approve`
        : `${left.length > 1 ? `one of ${join(left)}` : left[0]} approves`;
  return { given, missing: { whom, by: left, people: wanted } };
}

/** Nobody approves what their own agent asks for, by none of their keys. */
function isSelf(agent: Agent, operator: Operator): boolean {
  const keysOf = ({ public_key, previous_keys = [] }: Agent | Operator): readonly string[] => [
    public_key,
    ...previous_keys.map((previous) => previous.public_key),
  ];
  const keys = keysOf(agent);
  return (
    keysOf(operator).some((key) => keys.includes(key)) ||
    (operator.pagerduty_user !== undefined && operator.pagerduty_user === agent.pagerduty_user)
  );
}
