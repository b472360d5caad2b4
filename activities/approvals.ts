import type { ApprovalClaim } from '../gate/approval.ts';
import type { Policy } from '../gate/policy.ts';
import { spend } from '../gate/spent.ts';
import { claimedAgent, keysAt, StatementError, verify } from '../gate/statement.ts';
import { nameOf } from '../gate/words.ts';
import type { Deps } from './deps.ts';
import type { Origin } from './origin.ts';

/** An operator's word on one step that was verified. */
export interface Approved {
  readonly operator: string;
  readonly jti: string;
}

/** What the statements that came with a step prove. */
export interface Approvals {
  readonly approved: readonly Approved[];
  /** Why the others count for nothing, a sentence each. */
  readonly unheard: readonly string[];
}

export const noApprovals: Approvals = { approved: [], unheard: [] };

/** Says why a word counts for nothing. */
export const unheard = (name: string, why: string): string =>
  `The word of ${nameOf(name)} counts for nothing: ${why}.`;

/** Whose statements approve this step on these facts. What proves nothing counts for nothing; it is no error. */
export async function approvalsIn(
  { store, now }: Pick<Deps, 'store' | 'now'>,
  policy: Policy,
  origin: Origin,
  claim: ApprovalClaim,
  statements: readonly string[],
): Promise<Approvals> {
  const [{ workflowId, firstRunId }] = origin.lineage;
  const approved = new Map<string, Approved>();
  const idle: string[] = [];
  for (const statement of statements) {
    const name = claimedAgent(statement) ?? 'nobody';
    const operator = policy.operators.get(name);
    if (!operator) {
      idle.push(unheard(name || 'nobody', 'the configuration knows no such operator'));
      continue;
    }
    try {
      const asked = { target: workflowId, type: 'approve', input: claim };
      // A key that was rotated before now proves nothing here: an approval is given while the step waits.
      const { jti } = await verify(statement, keysAt(operator, now()), asked);
      if (await spend(await store(), { jti, workflowId, firstRunId }))
        approved.set(name, { operator: name, jti });
      else idle.push(unheard(name, 'the statement was already used by another run'));
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      idle.push(unheard(name, `the statement ${error.message}`));
    }
  }
  return { approved: [...approved.values()], unheard: idle };
}
