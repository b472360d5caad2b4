import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { requestDigest } from '../gate/approval.ts';
import { type Asked, NotAsked, type Put, put } from '../gate/asked.ts';
import type { Stamp } from '../gate/audit.ts';
import { withStore } from '../gate/audit-store.ts';
import { type Decision, decide, type Question, type Undecided } from '../gate/decide.ts';
import type { Facts } from '../gate/facts.ts';
import type { Policy } from '../gate/policy.ts';
import type { PolicyState } from '../gate/policy-source.ts';
import { runner } from '../gate/runner.ts';
import { switchesFor } from '../gate/switches.ts';
import { join, phrase } from '../gate/words.ts';
import { PagerDutyError } from '../pagerduty/errors.ts';
import { type Known, statusIn, touchedIds, withoutPolicy } from './call.ts';
import { checkStep } from './checks.ts';
import { type Asking, gather } from './decision.ts';
import type { Deps } from './deps.ts';
import { type AllFacts, FactReader, shownOf } from './facts.ts';
import { toFailure } from './failures.ts';
import { ledgerFor } from './ledger.ts';
import { type Origin, originNow } from './origin.ts';

/** What the gate would say. */
export interface Permission {
  readonly decision: Decision['decision'];
  /** The line of the configuration that decides, by its path. */
  readonly rule: string;
  readonly sentence: string;
  /** What the word rests on. */
  readonly facts: Facts;
  /** Who can grant it, and how; absent where nobody has to. */
  readonly grantedBy?: string;
  readonly entry: Stamp;
}

/**
 * What the gate would say to an agent that asked this now. Reads what that decision needs and sends nothing else; uses up no
 * cap, spends no approval. Written down as a question, never as a call that was allowed.
 */
export async function checkPermission(
  deps: Deps,
  { step, ...asked }: Asked & { readonly step: string },
): Promise<Permission> {
  try {
    checkStep({ step });
    const { workflowExecution: run, attempt } = activityInfo();
    if (!run) throw ApplicationFailure.nonRetryable('Only a run asks the gate.', 'PermissionDenied');
    const state = deps.policy();
    const policy = state.readable ? state.policy : undefined;
    const origin = await originNow(deps, state);
    const question = put(asked);
    const asking = askingOf(deps, state, origin, asked.agent, question);
    const known: { facts: AllFacts } = { facts: {} };
    const hears = origin.kind === 'runner';
    const write = (
      word: { readonly decision: 'asked' | 'undecided'; readonly rule: string; readonly sentence: string },
      facts: Facts,
    ): Promise<Stamp> =>
      ledgerFor(deps, false).entry({
        kind: 'question',
        agent: runner,
        account: deps.account,
        ...run,
        step,
        attempt,
        configuration: policy?.digest ?? 'unreadable',
        operation: question.operation,
        action: question.actions(statusIn(facts)).join(),
        incident: asking.incidentIds[0] ?? null,
        ...word,
        requestDigest: requestDigest(question.operation, asked),
        facts,
        reads: asking.reader.reads.splice(0),
      });
    let decision: Decision;
    try {
      const first = hears ? await gather(asking, known, question.situated) : undefined;
      decision = await lastWord(deps, policy, asking, first, known.facts);
    } catch (error) {
      if (error instanceof PagerDutyError) {
        const sentence = `Only asked, and not answered: ${error.message}`;
        await write({ decision: 'undecided', rule: 'facts', sentence }, known.facts);
      }
      throw error;
    }
    const facts = shownOf(known.facts);
    const answered = `Only asked, nothing was to be sent: ${decision.sentence}`;
    const entry = await write({ decision: 'asked', rule: decision.rule, sentence: answered }, facts);
    const grantedBy = grantersOf(decision, asked.agent, policy);
    const { rule, sentence } = decision;
    return {
      decision: decision.decision,
      rule,
      sentence,
      facts,
      ...(grantedBy !== undefined && { grantedBy }),
      entry,
    };
  } catch (error) {
    if (error instanceof NotAsked)
      throw ApplicationFailure.nonRetryable(`${error.message}.`, 'InvalidRequest');
    throw toFailure(error);
  }
}

function askingOf(deps: Deps, state: PolicyState, origin: Origin, agent: string, question: Put): Asking {
  const { operation, summary, touches, actions } = question;
  const judge = (
    facts: AllFacts,
    { statusOf = statusIn(facts), switches }: Known = {},
  ): Decision | Undecided => {
    const asked: Question = {
      agent,
      operation,
      summary,
      touches,
      actions: actions(statusOf),
      now: deps.now(),
    };
    const none = withoutPolicy(state, deps.account);
    if (none || !state.readable) {
      const sentence = `${agent} may not ${phrase(asked, facts.incidents)}: ${none?.why}.`;
      return { decision: 'denied', rule: none?.rule ?? '', sentence };
    }
    // The facts of an answer are the runner's to look at; a run that proves nothing else would read them round the gate.
    if (origin.kind !== 'runner') {
      const sentence = `${agent} may not ${phrase(asked)}, as far as this run hears: only the Workflow checkPermission asks the gate.`;
      return { decision: 'denied', rule: 'statement', sentence };
    }
    return decide(state.policy, asked, facts, switches);
  };
  return {
    deps,
    policy: state.readable ? state.policy : undefined,
    origin,
    touches,
    incidentIds: touchedIds('incident', touches),
    reader: new FactReader(deps),
    ledger: ledgerFor(deps, false),
    judge,
    caller: { agent },
  };
}

/** With what the store says: what is frozen, who is disabled, what caps are used up. */
async function lastWord(
  deps: Deps,
  policy: Policy | undefined,
  asking: Asking,
  first: Decision | undefined,
  facts: AllFacts,
): Promise<Decision> {
  const { agent } = asking.caller;
  const caps = first?.decision === 'allowed' ? (first.caps ?? []) : [];
  const switches =
    policy &&
    (await withStore(async () =>
      switchesFor(await deps.store(), policy, { agent, stepKey: '', caps, now: deps.now() }),
    ));
  const last = asking.judge(facts, switches ? { switches } : {});
  if (last.decision !== 'needs') return last;
  const sentence = `${agent} may not do that: PagerDuty did not say what the decision needs to know.`;
  return { decision: 'denied', rule: 'facts', sentence };
}

/** Who can grant what is not allowed, in a sentence. */
function grantersOf(decision: Decision, agent: string, policy: Policy | undefined): string | undefined {
  const operators = join([...(policy?.operators.keys() ?? [])]) || 'an operator, of whom there is none';
  if (decision.decision === 'allowed') return undefined;
  if (decision.decision === 'approval_needed')
    return `${join(decision.by) || 'Nobody'} can approve it with \`oncall approve\`, once a step asks for it.`;
  switch (decision.rule) {
    case 'freeze':
      return `${operators} can lift it with \`oncall thaw\`.`;
    case 'agents disable':
      return `${operators} can lift it with \`oncall agents enable ${agent}\`.`;
    case 'configuration':
      return 'Whoever mends oncall.yaml.';
    default:
      return `Whoever may change oncall.yaml, at ${decision.rule}.`;
  }
}
