import { ApplicationFailure } from '@temporalio/common';
import { type Words, wordsOn } from '../gate/approval.ts';
import type { AuditRecord, Caller, Stamp } from '../gate/audit.ts';
import { withStore } from '../gate/audit-store.ts';
import type { Agent } from '../gate/configuration.ts';
import { type Consents, consentsOn } from '../gate/consent.ts';
import type { Decision } from '../gate/decide.ts';
import { hashed, type Proof, planClaim, planOperation, planStep } from '../gate/plan.ts';
import type { Policy } from '../gate/policy.ts';
import { switchesFor } from '../gate/switches.ts';
import { join, nameOf, speaker } from '../gate/words.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import type { Plan } from '../workflows/contract.ts';
import { type Approvals, signedWord } from './approvals.ts';
import { type Call, stepKeyOf } from './call.ts';
import { checkStep } from './checks.ts';
import { withoutDisabled } from './commit.ts';
import type { Deps } from './deps.ts';
import { FactReader } from './facts.ts';
import { toFailure } from './failures.ts';
import { ledgerFor } from './ledger.ts';
import { originNow, runNow } from './origin.ts';
import { callsOf, decisionsOn, type Planned } from './plan-calls.ts';
import type { InTheWay, NotDone } from './results.ts';

/** A plan that the gate is to look at: as it was just made, or as a run of this id has made it. */
export interface WeighInput {
  readonly step: string;
  readonly type: string;
  readonly made:
    | (Pick<Plan, 'basis' | 'guards' | 'concerned'> & { readonly writes: readonly Planned[] })
    | { readonly by: string; readonly hash: string };
  /** Whether the run goes on with it now, and so needs the words that it needs. */
  readonly applies?: true;
  readonly statements?: readonly string[];
}

/** The gate's word on a plan. Nothing of it was sent. */
export interface Weighed {
  readonly ok: true;
  readonly sentence: string;
  readonly agent: string;
  readonly entry: Stamp;
  readonly plan: Omit<Plan, 'left' | 'requests' | 'seconds'>;
  /** For each write, what shows that its parts are of this plan. */
  readonly proofs: readonly (readonly Proof[])[];
  /** Incidents that are not as the plan has them. */
  readonly changed: readonly InTheWay[];
  /** Of each write, by its place: the incidents for which it is denied; of one that names none, its own step. */
  readonly denied: readonly InTheWay[];
}

/**
 * What the gate would say now to each write of a plan, what has changed since it was made, and whose word it needs: grants ask
 * for an operator's, and so may the run itself, by its guards. One word on the hash covers all of it. Reads what the decisions
 * need, sends nothing, uses up no cap.
 */
export async function weighPlan(deps: Deps, input: WeighInput): Promise<Weighed | NotDone> {
  const reader = new FactReader(deps);
  let note: ((why: string) => Promise<Stamp>) | undefined;
  try {
    checkStep(input);
    const { run, attempt } = runNow();
    const state = deps.policy();
    const policy = state.readable ? state.policy : undefined;
    const origin = await originNow(deps, state);
    const ledger = ledgerFor(deps, false);
    const caller: Caller = {
      agent: origin.kind === 'agent' ? origin.agent : origin.kind === 'nobody' ? origin.claimed : origin.kind,
      ...('via' in origin && { via: origin.via }),
      account: deps.account,
      workflowId: run.workflowId,
      runId: run.runId,
      step: input.step,
      attempt,
      configuration: policy?.digest ?? 'unreadable',
    };
    const { agent } = caller;
    const record = (
      word: Pick<AuditRecord, 'kind' | 'decision' | 'rule' | 'sentence' | 'requestDigest'> &
        Partial<AuditRecord>,
    ): Promise<Stamp> =>
      ledger.entry({
        ...caller,
        operation: planOperation,
        action: '',
        incident: null,
        reads: reader.reads.splice(0),
        ...word,
      });
    note = (why) =>
      record({
        kind: 'question',
        decision: 'undecided',
        rule: 'facts',
        sentence: `${speaker(caller)} asked about a plan, and was not answered: ${why}`,
        requestDigest: '',
      });
    if (origin.kind !== 'agent' || !policy) {
      const why =
        origin.kind === 'nobody' ? origin.why : state.readable ? 'plans are for agents' : state.sentence;
      const sentence = `${speaker(caller)} may not plan anything: ${why.replace(/\.$/, '')}.`;
      const entry = await record({
        kind: 'entry',
        decision: 'denied',
        rule: 'statement',
        sentence,
        requestDigest: '',
      });
      return { ok: false, kind: 'PermissionDenied', sentence, entry, agent };
    }
    const made =
      'by' in input.made ? await found(deps, { ...input.made, type: input.type, agent }) : input.made;
    const { writes, basis, guards, concerned = [] } = made;
    const head = headOf(deps, agent, input.type, made);
    const { hash, proofs } = hashed({ head, writes });
    const asked = await callsOf(deps, reader, writes);
    const words = await wordsIn(deps, origin, policy, {
      claim: planClaim(stepKeyOf(origin, planStep), hash),
      statements: input.statements ?? [],
    });
    const approvedBy = words.approved.map(({ operator }) => operator);
    const { decisions, denied } = await decisionsOn(deps, asked, approvedBy);
    const mine = policy.agents.get(agent);
    const consents =
      mine && concerned.length > 0 ? consentsOn(policy, mine, concerned, approvedBy) : undefined;
    const { guard, needs } = wordsNeeded(policy, mine, { guards, consents, decisions, approvedBy });
    const plan: Weighed['plan'] = {
      hash,
      agent,
      basis,
      guards,
      ...(concerned.length > 0 && { concerned }),
      writes: writes.map((write, index) => {
        const { decision = 'denied', rule = '', sentence = '' } = decisions[index] ?? {};
        return { ...write, decision, rule, sentence };
      }),
      ...(needs && { needs }),
    };
    const sentence = sentenceOf(plan, agent, { approvedBy, agreeing: consents?.missing ?? [], guard });
    // Where a word can come from nobody, nobody is asked.
    const asks = input.applies === true && needs !== undefined && (consents?.hopeless.length ?? 0) === 0;
    const unheard = [...words.unheard, ...(consents?.notTheirs === undefined ? [] : [consents.notTheirs])];
    const entry = await record({
      kind: asks ? 'entry' : 'question',
      decision: asks ? 'approval_needed' : 'asked',
      action: [...asked.actions].join(),
      rule: [...new Set(decisions.map(({ rule }) => rule))].join(),
      sentence: [sentence, ...unheard].join(' '),
      requestDigest: hash,
      approvals: words.approved,
    });
    if (asks && needs) {
      return {
        ok: false,
        kind: 'ApprovalNeeded',
        sentence,
        entry,
        agent,
        approval: {
          id: hash.slice(0, 6),
          claim: planClaim(stepKeyOf(origin, planStep), hash),
          operation: planOperation,
          request: {
            head,
            writes: writes.map(({ operation, request, seen, turns }) => ({
              operation,
              request,
              seen,
              ...(turns && { turns }),
            })),
          },
          facts: {},
          ...needs,
          unheard,
        },
      };
    }
    const hopeless = (consents?.hopeless ?? []).map((why) => ({ id: 'consent', why }));
    return {
      ok: true,
      sentence,
      agent,
      entry,
      plan,
      proofs,
      changed: asked.changed,
      denied: [...denied, ...hopeless],
    };
  } catch (error) {
    // What was read for an answer that never came is written down too.
    if (reader.reads.length > 0) await note?.(error instanceof Error ? error.message : String(error));
    throw toFailure(error);
  }
}

/** What words the plan waits for: those that its guards ask for, those of whose duty it changes, and those of its grants. */
function wordsNeeded(
  policy: Policy,
  mine: Agent | undefined,
  {
    guards,
    consents,
    decisions,
    approvedBy,
  }: {
    readonly guards: readonly string[];
    readonly consents: Consents | undefined;
    readonly decisions: readonly Decision[];
    readonly approvedBy: readonly string[];
  },
): { readonly guard: Words['missing']; readonly needs: Plan['needs'] } {
  // Who takes a duty agrees to that; whether it may be so at all somebody else says.
  const guard =
    guards.length > 0 && mine
      ? wordsOn(policy, mine, { people: 1, ...(consents && { by: consents.others }) }, approvedBy).missing
      : undefined;
  const open = decisions.flatMap((one) => (one.decision === 'approval_needed' ? [one] : []));
  if (!guard && open.length === 0 && (consents?.missing.length ?? 0) === 0)
    return { guard, needs: undefined };
  return {
    guard,
    needs: {
      by: [...new Set([...(guard?.by ?? []), ...(consents?.by ?? []), ...open.flatMap(({ by }) => by)])],
      people: Math.max(guard?.people ?? 0, consents?.people ?? 0, ...open.map(({ people }) => people)),
    },
  };
}

/**
 * The plan of that hash that a run of the same agent has made.
 * @throws ApplicationFailure where the server has none.
 */
async function found(
  deps: Deps,
  {
    by,
    hash,
    type,
    agent,
  }: { readonly by: string; readonly hash: string; readonly type: string; readonly agent: string },
): Promise<Pick<Plan, 'basis' | 'guards' | 'concerned' | 'writes'>> {
  for await (const result of deps.runs.results(by, type)) {
    const { plan } = (result ?? {}) as { readonly plan?: Plan };
    if (plan?.agent !== agent || !plan.hash.startsWith(hash)) continue;
    const head = headOf(deps, agent, type, plan);
    if (hashed({ head, writes: plan.writes }).hash === plan.hash) return plan;
  }
  throw ApplicationFailure.nonRetryable(
    `${agent} has made no plan ${nameOf(hash)} here that the server still has; make one with --plan.`,
    'NotFound',
  );
}

/** What a plan is beside its writes: whose it is, where, and what it hangs on. */
const headOf = (
  { account }: Deps,
  agent: string,
  type: string,
  { basis, guards, concerned = [] }: Pick<Plan, 'basis' | 'guards' | 'concerned'>,
) => ({ account, agent, type, basis, guards, ...(concerned.length > 0 && { concerned }) });

/** Whose words on the plan count. */
async function wordsIn(
  deps: Deps,
  origin: Call<OperationName>['origin'],
  policy: NonNullable<Call<OperationName>['policy']>,
  {
    claim,
    statements,
  }: { readonly claim: ReturnType<typeof planClaim>; readonly statements: readonly string[] },
): Promise<Approvals> {
  const approved = new Map<string, Approvals['approved'][number]>();
  const unheard: string[] = [];
  for (const statement of statements) {
    const word = await signedWord({ deps, origin }, policy, claim, statement);
    if (typeof word === 'string') unheard.push(word);
    else approved.set(word.operator, word);
  }
  const offered = { approved: [...approved.values()], unheard };
  if (offered.approved.length === 0) return offered;
  const store = await deps.store();
  return withStore(() =>
    withoutDisabled({ switches: (of, asked) => switchesFor(store, of, asked) }, policy, offered, deps.now()),
  );
}

function sentenceOf(
  { hash, writes, guards, needs }: Weighed['plan'],
  agent: string,
  {
    approvedBy,
    agreeing,
    guard,
  }: {
    readonly approvedBy: readonly string[];
    /** Who must agree yet because the plan changes their duty. */
    readonly agreeing: readonly string[];
    readonly guard: { readonly whom: string } | undefined;
  },
): string {
  const name = `the plan ${hash.slice(0, 12)} (${writes.length} ${writes.length === 1 ? 'write' : 'writes'})`;
  const denials = writes.filter(({ decision }) => decision === 'denied').length;
  if (denials > 0) return `${agent} may not carry out ${name}: ${denials} of its writes are denied.`;
  const asking = writes.filter(({ decision }) => decision === 'approval_needed').length;
  const why = [
    ...guards,
    ...(asking > 0
      ? [`the grants of ${asking === writes.length ? 'all' : asking} of its writes ask for it`]
      : []),
  ];
  if (needs && agreeing.length === 0) {
    const whom =
      needs.people > 1
        ? `${needs.people} of ${join(needs.by)} approve`
        : `one of ${join(needs.by) || 'nobody'} approves`;
    return `${agent} may carry out ${name} once ${whom} it: ${join(why)}.`;
  }
  if (needs) {
    const also = [
      ...(guard ? [`${guard.whom} it: ${join(guards)}`] : []),
      ...(asking > 0 ? ['its grants have the approval that they ask for'] : []),
    ];
    return `${agent} may carry out ${name} once ${join([...agreeing, ...also])}.`;
  }
  return `${agent} may carry out ${name}${approvedBy.length > 0 ? `, approved by ${join(approvedBy)}` : ''}.`;
}
