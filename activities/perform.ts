import { ApplicationFailure } from '@temporalio/common';
import { type ApprovalClaim, approvalClaim } from '../gate/approval.ts';
import type { AuditRecord, Stamp } from '../gate/audit.ts';
import { type StepRow, StoreAway } from '../gate/audit-store.ts';
import { digestOf, sha256 } from '../gate/canonical.ts';
import type { Decision } from '../gate/decide.ts';
import type { Facts, IncidentFacts } from '../gate/facts.ts';
import * as leases from '../gate/leases.ts';
import { type Permit, permitFor } from '../gate/permit.ts';
import type { Step } from '../gate/steps.ts';
import { speaker } from '../gate/words.ts';
import type { LookFirst } from '../pagerduty/catalogue/endpoint.ts';
import type { OperationName, RequestOf, ResponseOf } from '../pagerduty/catalogue/index.ts';
import { PagerDutyError } from '../pagerduty/errors.ts';
import type { Answer } from '../pagerduty/http.ts';
import {
  type Call,
  type CallInput,
  callOf,
  entryOf,
  outcomeOf,
  purposeOf,
  statusIn,
  wording,
} from './call.ts';
import { commit } from './commit.ts';
import { NotConnected, sendOver, staleToken } from './connections.ts';
import { decideOn, differs } from './decision.ts';
import type { Deps } from './deps.ts';
import { type AllFacts, shownOf } from './facts.ts';
import { outcomeUnknown, toFailure } from './failures.ts';
import { narrowAnswer, narrowRequest } from './narrow.ts';
import { gaveWay, giveWay } from './put-back.ts';

/** The call was made. */
export interface Done<Name extends OperationName> {
  readonly ok: true;
  readonly response: ResponseOf<Name>;
  readonly entry: Stamp;
  /** The gate's sentence and what came of it. */
  readonly sentence: string;
  /** Whose authority it was. */
  readonly agent: string;
  /** Ids of our own users, where the decision needed them. */
  readonly ourUsers?: readonly string[];
  /** Until when an acknowledge is held, milliseconds since 1970. */
  readonly leaseUntil?: number;
  /** Of a list that was cut to what the agent may see: in which words, and how many records of this page it may not. */
  readonly narrowed?: { readonly to: string; readonly hidden: number };
}

/** The call was not made, and why: a result, never a failure. */
export interface NotDone {
  readonly ok: false;
  readonly kind: 'PermissionDenied' | 'ApprovalNeeded' | 'Changed';
  readonly sentence: string;
  readonly entry: Stamp;
  readonly agent: string;
  /** The incident as the decision read it, where the request names one. */
  readonly incident?: IncidentFacts;
  /** What an operator must sign, what that operator should see, and who may. */
  readonly approval?: {
    /** Short, for people; of this step on these facts. */
    readonly id: string;
    readonly claim: ApprovalClaim;
    /** What would be sent: the claim's `request` is its digest. */
    readonly operation: OperationName;
    readonly request: object;
    /** On which it would be sent: the claim's `facts` is their digest. */
    readonly facts: Facts;
    readonly by: readonly string[];
    readonly people: number;
    /** Whose words so far count for nothing, and why. */
    readonly unheard: readonly string[];
  };
}

export type CallResult<Name extends OperationName> = Done<Name> | NotDone;

/**
 * The only road to PagerDuty: origin → facts → decide → audit → send. A write is claimed under its step key first, so
 * that killing anything at any moment leaves no lost and no doubled write.
 * @throws ApplicationFailure for what may be tried again, or ends the run; a refusal is a result.
 */
export async function perform<Name extends OperationName>(
  deps: Deps,
  name: Name,
  input: CallInput<Name>,
): Promise<CallResult<Name>> {
  let call: Call<Name> | undefined;
  try {
    call = await callOf(deps, name, input);
    return await (call.endpoint.method === 'GET' ? read(call) : write(call));
  } catch (error) {
    if (call) await noteReads(call, error);
    throw toFailure(error);
  }
}

/** Writes down what an attempt had read when it failed before any entry could list it. */
async function noteReads<Name extends OperationName>(call: Call<Name>, error: unknown): Promise<void> {
  if (call.reader.reads.length === 0) return;
  const why = error instanceof Error ? error.message : String(error);
  const sentence = `${speaker(call.caller)} could not ${wording(call)} yet: ${why}`;
  const entry = entryOf(call, {}, { decision: 'undecided', rule: 'facts', sentence });
  try {
    await call.ledger.entry(entry);
  } catch (second) {
    // Then the first failure is told: it was of the store as well, or weighs more.
    if (!(second instanceof StoreAway)) throw second;
  }
}

/** A read: decide, write it down, send, write down what came. */
async function read<Name extends OperationName>(call: Call<Name>): Promise<CallResult<Name>> {
  const { decision: first, facts } = await decideOn(call);
  const { decision, stamp } = await commit(call, facts, first);
  if (decision.decision !== 'allowed') return refused(call, decision, stamp, facts, []);
  const { narrowing } = decision;
  const permit = permitFor(decision, stamp, theCall(call), narrowRequest(call, narrowing));
  try {
    const { response, status, requestId } = await sendFor(call, permit);
    const sentence = `PagerDuty answered ${status}.`;
    await call.ledger.entry(outcomeOf(call, facts, stamp, { decision: 'done', sentence, status, requestId }));
    const { shown, hidden } = narrowAnswer(call, response, narrowing);
    const result = done(call, shown, stamp, `${decision.sentence} ${sentence}`, facts);
    checkSize(result);
    return narrowing ? { ...result, narrowed: { to: decision.sentence, hidden } } : result;
  } catch (error) {
    const known = knownOf(error);
    if (known) await call.ledger.entry(outcomeOf(call, facts, stamp, { decision: 'refused', ...known }));
    throw error;
  }
}

/** A write: once only, by the step's row in the store (design rule 9). */
async function write<Name extends OperationName>(call: Call<Name>): Promise<CallResult<Name>> {
  // A retry, a cron run or a continuation shares its step keys with the run before it, but not its authority.
  const isStranger = call.origin.kind === 'nobody' && call.origin.isStranger === true;
  const earlier = isStranger ? undefined : await call.ledger.find(call.step);
  if (earlier?.state === 'done') return JSON.parse(earlier.result ?? 'null') as CallResult<Name>;
  if (earlier?.state === 'sent' || earlier?.state === 'unknown') {
    const found = await lookFor(call, earlier);
    if (found) return found;
  }
  const { decision: first, facts } = await decideOn(call);
  // What changed since the run looked comes first: acknowledging what a person resolved is no wish to reopen it.
  const difference = facts.incidents && differs(call.expect, facts);
  if (difference) {
    const sentence = `${speaker(call.caller)} did not ${wording(call)}: ${difference}. Nothing was sent.`;
    const stamp = await call.ledger.entry(
      entryOf(call, facts, { decision: 'changed', rule: 'expect', sentence }),
    );
    return notDone(call, 'Changed', sentence, stamp, facts);
  }
  const { decision, stamp, leaseUntil, unheard } = await commit(call, facts, first, { earlier });
  if (decision.decision !== 'allowed') return refused(call, decision, stamp, facts, unheard);
  return sendOnce(call, stamp, decision, facts, leaseUntil);
}

/** Sends what was just claimed, and settles the claim by what came of it. */
async function sendOnce<Name extends OperationName>(
  call: Call<Name>,
  stamp: Stamp,
  allowed: Decision,
  facts: AllFacts,
  leaseUntil?: number,
): Promise<CallResult<Name>> {
  const { ledger, step, deps } = call;
  const permit = permitFor(allowed, stamp, theCall(call), signed(call));
  const endLease = async (tx: Parameters<typeof leases.end>[0]): Promise<void> => {
    for (const { id } of facts.incidents ?? []) await leases.end(tx, deps.account, id);
  };
  let answer: Answer<Name>;
  try {
    answer = await sendFor(call, permit);
  } catch (error) {
    const known = knownOf(error);
    if (!known) throw error;
    const unknown = known.effect === 'unknown';
    const sentence = unknown
      ? `${known.sentence} Whether it took effect is looked up before it is sent again.`
      : known.sentence;
    const state = unknown ? 'unknown' : 'refused';
    const came = outcomeOf(call, facts, stamp, { ...known, decision: state, sentence });
    const taken = leaseUntil !== undefined && !unknown;
    await ledger.settle(step, stamp, state, came, undefined, taken ? endLease : async () => {});
    throw unknown ? outcomeUnknown(sentence) : error;
  }
  const { response, status, requestId } = answer;
  const came = (what: string): AuditRecord => {
    const sentence = `PagerDuty answered ${status}.${what}`;
    return outcomeOf(call, facts, stamp, { decision: 'done', sentence, status, requestId });
  };
  let gave: string | undefined;
  try {
    gave = await giveWay(call, facts, response, sendOnce);
  } catch (error) {
    if (!(error instanceof PagerDutyError)) throw error;
    const sentence = `Whether a person came between our look and our write is not known yet: ${error.message}`;
    await ledger.settle(step, stamp, 'unknown', came(` ${sentence}`), undefined, async () => {});
    throw outcomeUnknown(sentence, error.facts.retryAfterMs);
  }
  const result =
    gave === undefined
      ? done(call, response, stamp, `${allowed.sentence} PagerDuty answered ${status}.`, facts, leaseUntil)
      : notDone(call, 'Changed', gaveWay(call, facts, gave), stamp, facts);
  // A resolved incident, one given back, or one that a person took is held by nobody.
  const lets = call
    .actions(statusIn(facts))
    .some((action) => action === 'incidents.resolve' || action === 'incidents.unacknowledge');
  const also = lets || gave !== undefined ? endLease : async () => {};
  await ledger.settle(step, stamp, 'done', came(gave === undefined ? '' : ` But ${gave}.`), result, also);
  return result;
}

/**
 * The effect of an earlier try that nobody answered for: found → recorded as done; not there → recorded as lost, and the
 * write may be sent. While the old try's answer may still come, waits for it.
 */
async function lookFor<Name extends OperationName>(
  call: Call<Name>,
  earlier: StepRow,
): Promise<CallResult<Name> | undefined> {
  const { endpoint, deps, step, ledger, reader } = call;
  const rest = earlier.answer_by - deps.now();
  if (earlier.state === 'sent' && rest > 0) {
    throw outcomeUnknown(
      `An earlier try of "${call.caller.step}" may still be answered; it is looked up after that.`,
      rest,
    );
  }
  const stamp: Stamp = { seq: earlier.entry, hash: earlier.entry_hash };
  const lost = async (sentence: string): Promise<undefined> => {
    await ledger.entry(outcomeOf(call, {}, stamp, { decision: 'lost', sentence }));
    return undefined;
  };
  if (endpoint.repeat === 'never') {
    await lost(
      'The earlier try was not answered, and nothing in PagerDuty would show it; it is not sent again.',
    );
    throw ApplicationFailure.nonRetryable(
      `Whether "${call.caller.step}" took effect cannot be known; it is not sent again.`,
      'OutcomeUnknown',
    );
  }
  if (typeof endpoint.repeat === 'string')
    return lost('The earlier try was not answered; it is safe to send again.');
  const { find, ask, ours }: LookFirst = endpoint.repeat;
  const request = signed(call) as never;
  const asked = ask(request);
  const about = 'an earlier try';
  const found = Array.isArray(asked)
    ? await reader.askAll(find as OperationName, asked as never, about)
    : await reader.ask(find as OperationName, asked as never, about);
  const ourUsers = await reader.ourUsers();
  const response = ours(found as never, request, { ourUsers, sentAt: earlier.sent_at, mark: markOf(step) });
  if (response === undefined)
    return lost('The earlier try left no trace in PagerDuty; it may be sent again.');
  const seen = ((await ledger.recall(stamp))?.facts ?? {}) as AllFacts;
  const gave = await giveWay(call, seen, response, sendOnce);
  const sentence = `The earlier try had taken effect; it is not sent again.${gave === undefined ? '' : ` But ${gave}.`}`;
  const result =
    gave === undefined
      ? done(
          call,
          response as ResponseOf<Name>,
          stamp,
          sentence,
          { ourUsers },
          earlier.lease_until ?? undefined,
        )
      : notDone(call, 'Changed', gaveWay(call, seen, gave), stamp, seen);
  await ledger.settle(
    step,
    stamp,
    'done',
    outcomeOf(call, {}, stamp, { decision: 'found', sentence }),
    result,
    async () => {},
  );
  return result;
}

/** What Temporal holds of one result; its own limit is 2 MB. */
const largestResultBytes = 1_800_000;

function checkSize(result: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(result));
  if (bytes <= largestResultBytes) return;
  throw ApplicationFailure.nonRetryable(
    `PagerDuty's answer has ${(bytes / 1e6).toFixed(1)} MB, more than a run can hold; ask for fewer records with a smaller limit.`,
    'TooLarge',
  );
}

/** Sends with the agent's own credential where it has one, as the configuration says by which it was decided. */
const sendFor = <Name extends OperationName>(
  { deps, name, origin, policy, reader }: Call<Name>,
  permit: Permit<Name>,
): Promise<Answer<Name>> =>
  sendOver(
    () => deps.connection(origin.kind === 'agent' ? policy?.agents.get(origin.agent) : undefined),
    permit,
    ({ status, requestId }) => reader.reads.push({ operation: name, about: staleToken, status, requestId }),
  );

/** The call as a permit must fit it. */
const theCall = <Name extends OperationName>(call: Call<Name>) => ({
  ...purposeOf(call),
  agent: call.caller.agent,
  name: call.name,
});

/** What came of a request that brought no answer, as an outcome tells it; `undefined` of what is no word about a request. */
function knownOf(
  error: unknown,
): (Partial<PagerDutyError['facts']> & { readonly sentence: string }) | undefined {
  if (error instanceof PagerDutyError) return { ...error.facts, sentence: error.message };
  return error instanceof NotConnected ? { effect: 'nothing', sentence: error.message } : undefined;
}

/** The request as it is sent: with the step's mark, where PagerDuty has no key of its own. */
function signed<Name extends OperationName>({ endpoint, request, step }: Call<Name>): RequestOf<Name> {
  if (typeof endpoint.repeat === 'string' || !endpoint.repeat.sign) return request;
  return endpoint.repeat.sign(request as never, markOf(step)) as RequestOf<Name>;
}

const markOf = ({ key }: Step): string => `[oncall-runner ${sha256(key).slice(0, 10)}]`;

const done = <Name extends OperationName>(
  { caller }: Call<Name>,
  response: ResponseOf<Name>,
  entry: Stamp,
  sentence: string,
  { ourUsers }: AllFacts,
  leaseUntil?: number,
): Done<Name> => ({
  ok: true,
  response,
  entry,
  sentence,
  agent: caller.agent,
  ...(ourUsers && { ourUsers }),
  ...(leaseUntil !== undefined && { leaseUntil }),
});

const refused = <Name extends OperationName>(
  call: Call<Name>,
  decision: Exclude<Decision, { decision: 'allowed' }>,
  stamp: Stamp,
  facts: AllFacts,
  unheard: readonly string[],
): NotDone => {
  if (decision.decision === 'denied')
    return notDone(call, 'PermissionDenied', decision.sentence, stamp, facts);
  const { by, people, sentence } = decision;
  const shown = shownOf(facts);
  const claim = approvalClaim(call.step, facts);
  return {
    ...notDone(call, 'ApprovalNeeded', sentence, stamp, facts),
    approval: {
      id: digestOf(claim).slice(0, 6),
      claim,
      operation: call.name,
      request: call.request,
      facts: shown,
      by,
      people,
      unheard,
    },
  };
};

const notDone = <Name extends OperationName>(
  { caller }: Call<Name>,
  kind: NotDone['kind'],
  sentence: string,
  entry: Stamp,
  { incidents = [] }: AllFacts,
): NotDone => {
  const [incident, ...others] = incidents;
  const only = others.length === 0 ? incident : undefined;
  return { ok: false, kind, sentence, entry, agent: caller.agent, ...(only && { incident: only }) };
};
