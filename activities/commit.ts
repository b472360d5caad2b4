import type { Stamp } from '../gate/audit.ts';
import type { LeaseRow, StepRow } from '../gate/audit-store.ts';
import type { Decision } from '../gate/decide.ts';
import type { Policy } from '../gate/policy.ts';
import { speaker } from '../gate/words.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { timeLimitMs } from '../pagerduty/http.ts';
import { type Approvals, approvalsIn, noApprovals, unheard } from './approvals.ts';
import { type Call, wording } from './call.ts';
import type { AllFacts } from './facts.ts';
import type { Book } from './ledger.ts';
import { entryOf } from './records.ts';

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
  const { policy, origin, caller, step, ledger } = call;
  // No word changes a denial.
  const hasWords = first.decision !== 'denied' && (call.statements.length > 0 || call.notes.length > 0);
  const offered = policy && hasWords ? await approvalsIn(call, policy, facts, first) : noApprovals;
  return ledger.decide(async (book) => {
    const clocks = await clocksOf(book);
    const { now } = clocks;
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
    const { earlier } = claiming;
    const claimed = { ...done, ...(await claimIn(book, call, { stamp, earlier, clocks, leaseUntil })) };
    if (leaseUntil === undefined) return claimed;
    for (const lease of leasesOf(call, facts, leaseUntil)) await book.openLease(lease);
    return { ...claimed, leaseUntil };
  });
}

interface Clocks {
  /** By `performance.now()`. */
  readonly ours: number;
  /** The store's, milliseconds since 1970. */
  readonly now: number;
}

/** The clocks of a claim. Ours is read first: our deadline is never later than what the claim tells others. */
export async function clocksOf(book: Book): Promise<Clocks> {
  const ours = performance.now();
  return { ours, now: await book.now() };
}

/** Claims a write, from an instant on: it may be sent until the operation's time is over. */
export async function claimIn<Name extends OperationName>(
  book: Book,
  { deps, endpoint, step }: Call<Name>,
  claim: {
    readonly stamp: Stamp;
    readonly earlier: StepRow | undefined;
    readonly clocks: Clocks;
    readonly leaseUntil?: number | undefined;
  },
): Promise<Claimed & { readonly deadline: number }> {
  const { stamp, earlier, clocks, leaseUntil } = claim;
  const limitMs = timeLimitMs(endpoint);
  const since = deps.clock.since(deps.now());
  await book.claim(step, stamp, { earlier, since, answerBy: clocks.now + limitMs, leaseUntil });
  return { stamp, deadline: clocks.ours + limitMs };
}

/** A disabled operator's word counts no more than a disabled agent's call. */
export async function withoutDisabled(
  book: Pick<Book, 'switches'>,
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
