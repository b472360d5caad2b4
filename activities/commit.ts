import type { Stamp } from '../gate/audit.ts';
import type { LeaseRow, StepRow } from '../gate/audit-store.ts';
import type { Decision } from '../gate/decide.ts';
import type { Policy } from '../gate/policy.ts';
import { speaker } from '../gate/words.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { timeLimitMs } from '../pagerduty/http.ts';
import { type Approvals, approvalsIn, noApprovals, unheard } from './approvals.ts';
import { type Call, entryOf, wording } from './call.ts';
import type { AllFacts } from './facts.ts';
import type { Book } from './ledger.ts';

/** An entry, and what was claimed with it. */
export interface Claimed {
  readonly stamp: Stamp;
  /** Until when an acknowledge is held, milliseconds since 1970. */
  readonly leaseUntil?: number;
  /** Of a write: by when it must have been answered, by `performance.now()`. */
  readonly deadline?: number;
}

/** The gate's last word, and where it stands. */
export interface Committed extends Claimed {
  readonly decision: Decision;
  /** Whose words on the step count for nothing, and why. */
  readonly unheard: readonly string[];
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
  // No word changes a denial.
  const hasWords = first.decision !== 'denied' && (call.statements.length > 0 || call.notes.length > 0);
  const offered = policy && hasWords ? await approvalsIn(call, policy, facts, first) : noApprovals;
  return ledger.decide(async (book) => {
    // Before the store's clock is asked: our deadline is never later than what the claim tells others.
    const claimedAt = performance.now();
    const now = await book.now();
    const words = policy ? await withoutDisabled(book, policy, offered, now) : offered;
    const known = { approvedBy: words.approved.map(({ operator }) => operator) };
    const word = first.decision === 'denied' ? first : call.judge(facts, known);
    const caps = word.decision === 'allowed' ? (word.caps ?? []) : [];
    const bearer = origin.kind === 'agent' ? origin.bearer : undefined;
    const asked = { agent: caller.agent, bearer, stepKey: step.key, caps, now };
    const switches =
      policy && (origin.kind === 'agent' || origin.kind === 'operator')
        ? await book.switches(policy, asked)
        : undefined;
    const last = switches && word.decision !== 'denied' ? call.judge(facts, { ...known, switches }) : word;
    const decision: Decision =
      last.decision === 'needs'
        ? {
            decision: 'denied',
            rule: 'facts',
            sentence: `${speaker(caller)} may not ${wording(call, facts)}: a fact is missing.`,
          }
        : last;
    const counting = decision.decision === 'denied' ? [] : (decision.approvedBy ?? []);
    const approvals = words.approved.filter(({ operator }) => counting.includes(operator));
    const idle = [...words.unheard, ...strangersTo(decision, words)];
    // The record says of each word that came why it did not count; the sentence of the decision stays its own.
    const sentence = [decision.sentence, ...(decision.decision === 'allowed' ? [] : idle)].join(' ');
    const stamp = await book.append(entryOf(call, facts, { ...decision, sentence }, approvals));
    if (decision.decision !== 'allowed') return { decision, stamp, unheard: idle };
    await book.use({ ...asked, caps: decision.caps ?? [] });
    const done = { decision, stamp, unheard: words.unheard };
    if (!claiming) return done;
    const leaseUntil = decision.leaseMs === undefined ? undefined : now + decision.leaseMs;
    await book.claim(step, stamp, {
      earlier: claiming.earlier,
      since: deps.clock.since(deps.now()),
      answerBy: now + timeLimitMs(call.endpoint),
      leaseUntil,
    });
    const claimed = { ...done, deadline: claimedAt + timeLimitMs(call.endpoint) };
    if (leaseUntil === undefined) return claimed;
    for (const lease of leasesOf(call, facts, leaseUntil)) await book.openLease(lease);
    return { ...claimed, leaseUntil };
  });
}

/** A disabled operator's word counts no more than a disabled agent's call. */
async function withoutDisabled(
  book: Book,
  policy: Policy,
  { approved, unheard: before }: Approvals,
  now: number,
): Promise<Approvals> {
  const counting: Approvals['approved'][number][] = [];
  const idle = [...before];
  for (const word of approved) {
    const asked = { agent: word.operator, stepKey: '', caps: [], now };
    const { disabled } = await book.switches(policy, asked);
    if (disabled === null) counting.push(word);
    else idle.push(unheard(word.operator, `${word.operator} is disabled ${disabled}`));
  }
  return { approved: counting, unheard: idle };
}

/** Operators who signed as they should, and may not approve this. */
const strangersTo = (decision: Decision, { approved }: Approvals): readonly string[] =>
  decision.decision !== 'approval_needed'
    ? []
    : approved
        .filter(({ operator }) => !decision.approvedBy.includes(operator))
        .map(({ operator }) =>
          unheard(operator, 'the grant names others, or it is the person for whom the agent works'),
        );

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
