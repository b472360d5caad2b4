import type { Stamp } from '../gate/audit.ts';
import type { LeaseRow, StepRow } from '../gate/audit-store.ts';
import type { Decision } from '../gate/decide.ts';
import { join } from '../gate/words.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { timeLimitMs } from '../pagerduty/http.ts';
import { approvalClaim, approvedBy } from './approvals.ts';
import { type Call, entryOf, wording } from './call.ts';
import type { AllFacts } from './facts.ts';

/** The gate's last word, and where it stands. */
export interface Committed {
  readonly decision: Decision;
  readonly stamp: Stamp;
  /** Until when an acknowledge is held, milliseconds since 1970. */
  readonly leaseUntil?: number;
}

/**
 * Decides for good: on the facts, the approvals, and what the store says in the same transaction that writes the entry, counts
 * the caps, claims a write and opens its lease. Two Workers cannot both use the last of a cap.
 * @param first what was decided before the store was asked.
 * @param claiming for a write: the step's row as it was seen.
 */
export async function commit<Name extends OperationName>(
  call: Call<Name>,
  facts: AllFacts,
  first: Decision,
  claiming?: { readonly earlier: StepRow | undefined },
): Promise<Committed> {
  const { policy, origin, caller, step, deps, ledger } = call;
  const { approved, refused } =
    policy && call.statements.length > 0
      ? await approvedBy(deps, policy, origin, approvalClaim(step, facts), call.statements)
      : { approved: [], refused: [] };
  const known = { approvedBy: approved.map(({ operator }) => operator) };
  const now = deps.now();
  return ledger.decide(async (book) => {
    const word = first.decision === 'denied' ? first : call.judge(facts, known);
    const caps = word.decision === 'allowed' ? (word.caps ?? []) : [];
    const asked = { agent: caller.agent, stepKey: step.key, caps, now };
    const switches = policy && origin.kind === 'agent' ? await book.switches(policy, asked) : undefined;
    const last = switches && word.decision !== 'denied' ? call.judge(facts, { ...known, switches }) : word;
    const decision: Decision =
      last.decision === 'needs'
        ? {
            decision: 'denied',
            rule: 'facts',
            sentence: `${caller.agent} may not ${wording(call, facts)}: a fact is missing.`,
          }
        : withRefused(last, known.approvedBy, refused);
    const stamp = await book.append(entryOf(call, facts, decision, approved));
    if (decision.decision !== 'allowed') return { decision, stamp };
    await book.use({ ...asked, caps: decision.caps ?? [] });
    if (!claiming) return { decision, stamp };
    const leaseUntil = decision.leaseMs === undefined ? undefined : now + decision.leaseMs;
    await book.claim(step, stamp, {
      earlier: claiming.earlier,
      sentAt: new Date(now),
      answerBy: now + timeLimitMs(call.endpoint),
      leaseUntil,
    });
    if (leaseUntil === undefined) return { decision, stamp };
    for (const lease of leasesOf(call, facts, leaseUntil)) await book.openLease(lease);
    return { decision, stamp, leaseUntil };
  });
}

/** An approval that is still needed, with what became of those that came. */
function withRefused(
  decision: Decision,
  approvedBy: readonly string[],
  refused: readonly string[],
): Decision {
  if (decision.decision !== 'approval_needed') return decision;
  const { by, people } = decision;
  const idle =
    people === 1 || by.length === 0 ? approvedBy.map((name) => `${name} may not approve this`) : [];
  const why = [...refused, ...idle].slice(-mostTold);
  return why.length === 0
    ? decision
    : { ...decision, sentence: `${decision.sentence} Not counted: ${join(why)}.` };
}

/** How many approvals that do not count are told. */
const mostTold = 5;

function leasesOf<Name extends OperationName>(
  { deps, origin, caller }: Call<Name>,
  { incidents = [] }: AllFacts,
  until: number,
): readonly LeaseRow[] {
  const [{ workflowId, firstRunId }] = origin.lineage;
  return incidents.map(({ id, policy = null }) => ({
    account: deps.account,
    incident: id,
    workflow_id: workflowId,
    first_run_id: firstRunId,
    agent: caller.agent,
    policy,
    expires_at: until,
  }));
}
