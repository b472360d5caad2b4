import { digestOf } from '../gate/canonical.ts';
import type { Facts } from '../gate/facts.ts';
import type { Policy } from '../gate/policy.ts';
import { spend } from '../gate/spent.ts';
import { claimedAgent, keysAt, StatementError, verify } from '../gate/statement.ts';
import type { Step } from '../gate/steps.ts';
import { nameOf } from '../gate/words.ts';
import type { Deps } from './deps.ts';
import type { Origin } from './origin.ts';

/** An operator's word on one step that was verified. */
export interface Approved {
  readonly operator: string;
  readonly jti: string;
}

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

/** Whose statements approve this step on these facts, and in words why the others count for nothing; they are no error. */
export async function approvedBy(
  { store }: Pick<Deps, 'store'>,
  policy: Policy,
  origin: Origin,
  claim: ApprovalClaim,
  statements: readonly string[],
): Promise<{ readonly approved: readonly Approved[]; readonly refused: readonly string[] }> {
  const [{ workflowId, firstRunId }] = origin.lineage;
  const found = new Map<string, Approved>();
  const refused: string[] = [];
  for (const statement of statements) {
    const name = claimedAgent(statement) ?? 'nobody';
    const operator = policy.operators.get(name);
    if (!operator) {
      refused.push(`there is no operator ${nameOf(name)}`);
      continue;
    }
    try {
      const asked = { target: workflowId, type: 'approve', input: claim };
      // A key that was rotated before now proves nothing here: an approval is given while the step waits.
      const { jti } = await verify(statement, keysAt(operator, Date.now()), asked);
      if (await spend(await store(), { jti, workflowId, firstRunId }))
        found.set(name, { operator: name, jti });
      else refused.push(`the approval of ${name} was already used by another run`);
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      refused.push(`the approval of ${name} ${error.message}`);
    }
  }
  return { approved: [...found.values()], refused };
}
