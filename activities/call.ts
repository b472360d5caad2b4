import { requestDigest } from '../gate/approval.ts';
import type { Caller } from '../gate/audit.ts';
import { type Decision, decide, decideForOperator, type Question, type Undecided } from '../gate/decide.ts';
import { incidentOf, type Switches } from '../gate/facts.ts';
import type { Purpose } from '../gate/permit.ts';
import { bound, type Proof } from '../gate/plan.ts';
import type { Policy } from '../gate/policy.ts';
import type { PolicyState } from '../gate/policy-source.ts';
import { decideForRunner, type ReleaseRequest, runner } from '../gate/runner.ts';
import type { Step } from '../gate/steps.ts';
import { join, nameOf, phrase, speaker } from '../gate/words.ts';
import type { Action, Endpoint, StatusOf, Touch } from '../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName, type RequestOf } from '../pagerduty/catalogue/index.ts';
import type { SeenIncident, SeenTurns } from '../workflows/seen.ts';
import { checkRequest, checkStep } from './checks.ts';
import type { Deps } from './deps.ts';
import { type AllFacts, FactReader, type Seen } from './facts.ts';
import { type Ledger, ledgerFor, telling } from './ledger.ts';
import { type Origin, originNow, runNow } from './origin.ts';

type Status = 'triggered' | 'acknowledged' | 'resolved';

/** What must still be true of the incident when a write is sent; absent fields may be anything. */
export interface Expectation {
  readonly status?: Status | readonly Status[];
  /** Ids of exactly those who are assigned. */
  readonly assignees?: readonly string[];
  /** Ids of exactly those who acknowledged, or `ours`: nobody but our own users. */
  readonly acknowledgers?: readonly string[] | 'ours';
  /** That no person has acted on it since the run began; since the event that started it, where one did. */
  readonly untouched?: true;
}

/** The argument of every operation's Activity. Who asks is never in it. */
export interface CallInput<Name extends OperationName> {
  /** Name of the step, unique within the run: what makes a second sending the same write. */
  readonly step: string;
  readonly request: RequestOf<Name>;
  readonly expect?: Expectation;
  /** Statements of operators who approve this step. */
  readonly statements?: readonly string[];
  /** Of an answer with many records: the fields of each that the run needs. The others stay out of its history. */
  readonly keep?: readonly string[];
  /** Where the incidents of the request lie, so that few pages show them all. Decides nothing. */
  readonly near?: Near;
  /** Notes by which operators approve it. Who wrote them PagerDuty says, in the attempt that counts them. */
  readonly notes?: readonly NoteWord[];
  /** Whether the result says which of PagerDuty's users are ours. */
  readonly ours?: true;
  /** For a status: the incident as the run saw it. What people have done to it since comes before this write. */
  readonly since?: Seen;
  /** Of a write that was planned: the incidents as the plan saw them. It is not made on one that is different now. */
  readonly unchanged?: readonly SeenIncident[];
  /** Of an override that was planned: who had the schedule then. It is not made where somebody else has it now. */
  readonly turns?: readonly SeenTurns[];
  /** What shows that it is part of a plan, a proof for each of its parts: words on that plan count for it. */
  readonly proofs?: readonly Proof[];
  /** Ids of what earlier writes of the plan have made, by what the request calls them. */
  readonly ids?: Readonly<Record<string, string>>;
}

/** The instants between which incidents were created, ISO 8601; and their urgency, where all have one. */
export interface Near {
  readonly since: string;
  readonly until: string;
  readonly urgency?: 'high' | 'low';
}

/** One of the things that a bulk request is about. */
export interface Part {
  readonly id: string;
  /** The gate's word on the request for this thing alone. */
  readonly judge: (facts: AllFacts) => Decision | Undecided;
}

/** A note that may approve a step. */
export interface NoteWord {
  /** Id of the incident that has it. */
  readonly incident: string;
  readonly id: string;
}

/** One attempt at one call: everything that is fixed before the first fact is read. */
export interface Call<Name extends OperationName> {
  readonly deps: Deps;
  readonly name: Name;
  readonly endpoint: Endpoint;
  readonly request: RequestOf<Name>;
  readonly expect: Expectation | undefined;
  readonly statements: readonly string[];
  readonly keep: readonly string[] | undefined;
  readonly notes: readonly NoteWord[];
  readonly tellsOurs: boolean;
  readonly since: Seen | undefined;
  readonly unchanged: readonly SeenIncident[] | undefined;
  readonly turns: readonly SeenTurns[] | undefined;
  readonly proofs: readonly Proof[] | undefined;
  /** The request as the plan has it. */
  readonly planned: object;
  /** The configuration of this attempt, where it can be read. */
  readonly policy: Policy | undefined;
  readonly touches: readonly Touch[];
  /** Ids or numbers of the incidents it touches, as the request names them. */
  readonly incidentIds: readonly string[];
  readonly actions: (statusOf: StatusOf) => readonly Action[];
  readonly caller: Caller;
  readonly origin: Origin;
  readonly step: Step;
  readonly ledger: Ledger;
  readonly reader: FactReader;
  /** Of a call that undoes another in favour of people who came between. */
  readonly undoes?: {
    /** How many calls it undoes, one on top of the other. */
    readonly deep: number;
    /** Id of the newest entry of the incident's log when that was found. */
    readonly logged: string | undefined;
  };
  /** The gate's word on what is known. */
  readonly judge: (facts: AllFacts, known?: Known) => Decision | Undecided;
  /** The things of a bulk request; none of any other, or where there is one. */
  readonly parts: () => readonly Part[];
}

/** What the gate is told beside the facts of PagerDuty. */
export interface Known {
  /** Stands in for what the facts say of incidents while they are not read. */
  readonly statusOf?: StatusOf;
  readonly switches?: Switches;
  readonly approvedBy?: readonly string[];
}

/**
 * Puts an attempt together: the request, whose run it is, and the gate that will judge it.
 * @throws ApplicationFailure where the request is not the catalogue's.
 */
export async function callOf<Name extends OperationName>(
  deps: Deps,
  name: Name,
  input: CallInput<Name>,
): Promise<Call<Name>> {
  const endpoint: Endpoint = catalogue[name];
  const { run, attempt } = runNow();
  checkStep(input);
  const request = input.ids ? (bound(input.request, input.ids) as RequestOf<Name>) : input.request;
  checkRequest(endpoint, name, request);
  const state = deps.policy();
  const origin = await originNow(deps, state);
  const caller: Caller = {
    agent: origin.kind === 'runner' ? runner : origin.kind === 'nobody' ? origin.claimed : origin.agent,
    ...('via' in origin && { via: origin.via }),
    account: deps.account,
    workflowId: run.workflowId,
    runId: run.runId,
    step: input.step,
    attempt,
    configuration: state.readable ? state.policy.digest : 'unreadable',
  };
  const reader = new FactReader(deps, input.near);
  const touches = endpoint.touches(request as never);
  const actions = (statusOf: StatusOf): readonly Action[] => endpoint.actions(request as never, statusOf);
  const call: Omit<Call<Name>, 'judge' | 'parts'> = {
    deps,
    name,
    endpoint,
    request,
    expect: input.expect,
    statements: input.statements ?? [],
    keep: input.keep,
    notes: input.notes ?? [],
    tellsOurs: input.ours === true,
    since: input.since,
    unchanged: input.unchanged,
    turns: input.turns,
    proofs: input.proofs,
    planned: input.request,
    policy: state.readable ? state.policy : undefined,
    touches,
    incidentIds: touchedIds('incident', touches),
    actions,
    caller,
    origin,
    step: {
      key: stepKeyOf(origin, input.step),
      digest: requestDigest(name, request),
    },
    // What a record lists is off the list once the record stands.
    ledger: telling(ledgerFor(deps, origin.kind === 'runner'), ({ reads }) => reader.forget(reads)),
    reader,
  };
  const judgeOf = (asked: object, facts: AllFacts, known: Known = {}): Decision | Undecided => {
    const { statusOf = statusIn(facts), switches, approvedBy = [] } = known;
    const question: Question = {
      agent: caller.agent,
      via: caller.via,
      operation: name,
      summary: endpoint.summary,
      actions: endpoint.actions(asked as never, statusOf),
      touches: endpoint.touches(asked as never),
      now: deps.now(),
      for: purposeOf(call),
      approvedBy,
    };
    if (origin.kind === 'runner') return decideForRunner(question, asked as ReleaseRequest, facts);
    const refuse = (rule: string, why: string): Decision => ({
      decision: 'denied',
      rule,
      sentence: `${speaker(caller)} may not ${phrase(question, facts.incidents)}: ${why}.`,
    });
    const none = withoutPolicy(state, deps.account);
    if (none || !state.readable) return refuse(none?.rule ?? '', none?.why ?? '');
    if (origin.kind === 'nobody') return refuse('statement', origin.why);
    if (switches?.bearerLost) return refuse('agents token-revoke', switches.bearerLost);
    if (origin.kind === 'operator') return decideForOperator(question, facts, switches);
    const word = decide(state.policy, question, facts, switches);
    return origin.ordered ? withinOrder(word, origin.ordered, facts, refuse) : word;
  };
  const parts = (): readonly Part[] => {
    const alone = [...(endpoint.bulk?.alone(request as never) ?? [])];
    return alone.length < 2
      ? []
      : alone.map(([id, part]) => ({ id, judge: (facts) => judgeOf(part, facts) }));
  };
  return { ...call, judge: (facts, known) => judgeOf(request, facts, known), parts };
}

/** The key of a step of a run: the same through retries and resets. */
export const stepKeyOf = ({ lineage: [run] }: Pick<Origin, 'lineage'>, step: string): string =>
  `${run.workflowId} : ${run.firstRunId} : ${step}`;

/** What a yes to a call is good for: its request, in this run. */
export const purposeOf = ({ caller, step }: Pick<Call<OperationName>, 'caller' | 'step'>): Purpose => ({
  request: step.digest,
  workflowId: caller.workflowId,
  runId: caller.runId,
});

/** Whoever forges the start of a standing order gets what the order does anyway: on the services that it names. */
function withinOrder(
  word: Decision | Undecided,
  { name, services }: NonNullable<Extract<Origin, { kind: 'agent' }>['ordered']>,
  { orderedService }: AllFacts,
  refuse: (rule: string, why: string) => Decision,
): Decision | Undecided {
  if (word.decision === 'denied') return word;
  if (orderedService === undefined) {
    const needs = word.decision === 'needs' ? word.needs : [];
    return { decision: 'needs', needs: ['orderedService', ...needs] };
  }
  if (orderedService !== null && services.includes(orderedService)) return word;
  const where = orderedService === null ? 'no service' : `service ${nameOf(orderedService)}`;
  return refuse(
    `standing.${name}`,
    `the standing order ${name} covers services ${join(services)}, and its incident is of ${where}`,
  );
}

/** Why nothing can be decided by the configuration as it is; `undefined` where it can. */
export function withoutPolicy(
  state: PolicyState,
  account: string,
): { readonly rule: string; readonly why: string } | undefined {
  if (!state.readable) {
    const fault = state.sentence.split('\n')[0]?.replace(/\.$/, '');
    return {
      rule: 'configuration',
      why: `everything is denied until the configuration is mended (${fault})`,
    };
  }
  if (state.policy.accounts.has(account)) return undefined;
  return { rule: 'accounts', why: `the configuration has no account ${account}` };
}

/** Ids of the things of one kind that a request touches. */
export const touchedIds = (kind: Touch['kind'], touches: readonly Touch[]): readonly string[] =>
  touches.flatMap((touch) => (touch.kind === kind && 'id' in touch ? [touch.id] : []));

/** The statuses that the facts know. */
export const statusIn =
  (facts: AllFacts): StatusOf =>
  (id) =>
    incidentOf(facts, id)?.status;

/** What the call asks, as it follows "may not" or "did not". */
export const wording = <Name extends OperationName>(call: Call<Name>, facts: AllFacts = {}): string =>
  phrase(
    { summary: call.endpoint.summary, actions: call.actions(statusIn(facts)), touches: call.touches },
    facts.incidents,
  );
