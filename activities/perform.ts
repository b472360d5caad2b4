import type { AuditRecord, Stamp } from '../gate/audit.ts';
import { StoreAway } from '../gate/audit-store.ts';
import type { Agent } from '../gate/configuration.ts';
import type { Decision } from '../gate/decide.ts';
import * as leases from '../gate/leases.ts';
import { type Permit, permitFor } from '../gate/permit.ts';
import { isInDoubt } from '../gate/steps.ts';
import { speaker } from '../gate/words.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { PagerDutyError } from '../pagerduty/errors.ts';
import type { Answer } from '../pagerduty/http.ts';
import { type Call, type CallInput, callOf, purposeOf, statusIn, wording } from './call.ts';
import { type Claimed, commit } from './commit.ts';
import { NotConnected, sendOver, staleToken } from './connections.ts';
import { decideOn, differing, drifted } from './decision.ts';
import type { Deps } from './deps.ts';
import type { AllFacts } from './facts.ts';
import { backOffMs, outcomeUnknown, toFailure } from './failures.ts';
import { effectOf, found, lookFor, signed } from './look-up.ts';
import { isCut, narrowAnswer, narrowRequest } from './narrow.ts';
import { gaveWay, giveWay } from './put-back.ts';
import { entryOf, outcomeOf } from './records.ts';
import { type CallResult, checkSize, done, type NotDone, notDone, refused, some } from './results.ts';
import { turned } from './turns.ts';
import { touched } from './untouched.ts';

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
export async function noteReads<Name extends OperationName>(call: Call<Name>, error: unknown): Promise<void> {
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
    return narrowing && (hidden > 0 || isCut(call, narrowing))
      ? { ...result, narrowed: { to: decision.sentence, hidden } }
      : result;
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
  if (isInDoubt(earlier)) {
    const settled = await lookFor(call, earlier, sendOnce);
    if (settled) return settled;
  }
  const { decision: first, facts } = await decideOn(call);
  // What changed since the run looked comes first: acknowledging what a person resolved is no wish to reopen it.
  const differences = [
    ...differing(call.expect, facts),
    ...(await driftedOf(call, first)),
    ...(first.decision === 'denied' ? [] : await turned(call)),
  ];
  if (differences[0]) {
    const changed = await unsent(call, facts, 'expect', differences[0].why);
    return { ...changed, ...(call.endpoint.bulk && some(differences)) };
  }
  if (first.decision !== 'denied') {
    await makeReady(call);
    const acts = await touched(call, facts);
    if (acts !== undefined) return unsent(call, facts, 'people first', acts);
    // A run that has stepped back writes no more, also not what was under way. Giving back is never refused.
    const isGivenUp = call.origin.kind !== 'runner' && !(await call.deps.isWanted());
    if (isGivenUp) return unsent(call, facts, 'given up', 'the run waits for it no longer');
  }
  const committed = await commit(call, facts, first, { earlier });
  const { decision, stamp, unheard } = committed;
  if (decision.decision !== 'allowed') return refused(call, decision, stamp, facts, unheard);
  return sendOnce(call, committed, decision, facts, isInDoubt(earlier) ? earlier.sent_at : undefined);
}

/** Writes down that something came before a write. */
async function unsent<Name extends OperationName>(
  call: Call<Name>,
  facts: AllFacts,
  rule: string,
  why: string,
): Promise<NotDone> {
  const sentence = `${speaker(call.caller)} did not ${wording(call)}: ${why}. Nothing was sent.`;
  const stamp = await call.ledger.entry(entryOf(call, facts, { decision: 'changed', rule, sentence }));
  return notDone(call, 'Changed', sentence, stamp, facts);
}

/** What has changed since the plan; of a write that is denied nothing was read to tell it by. */
const driftedOf = <Name extends OperationName>(call: Call<Name>, { decision }: Decision) =>
  decision === 'denied' && call.reader.wholes.size === 0 ? [] : drifted(call);

/** All that may take its time, before the claim: from then on the clock runs for everybody who looks at it. */
async function makeReady<Name extends OperationName>(call: Call<Name>): Promise<void> {
  const { deps, reader } = call;
  // Where there is no way to PagerDuty, the outcome of the call tells of it.
  await deps.connection(senderOf(call)).catch(() => {});
  // Any read tells PagerDuty's time; this one is needed by the look as well.
  if (!deps.clock.isKnown) await reader.ourUsers();
}

/**
 * Sends what was just claimed, and settles the claim by what came of it.
 * @param doubtedSince from when on an earlier try may have taken effect, where one may.
 */
async function sendOnce<Name extends OperationName>(
  call: Call<Name>,
  { stamp, leaseUntil, deadline = 0 }: Claimed,
  allowed: Decision,
  facts: AllFacts,
  doubtedSince?: string,
): Promise<CallResult<Name>> {
  const { ledger, step, deps } = call;
  const permit = permitFor(allowed, stamp, theCall(call), signed(call));
  const leftMs = (): number => deadline - performance.now();
  const endLease = async (tx: Parameters<typeof leases.end>[0]): Promise<void> => {
    for (const { id } of facts.incidents ?? []) await leases.end(tx, deps.account, id);
  };
  let answer: Answer<Name>;
  try {
    answer = await sendFor(call, permit, leftMs);
  } catch (error) {
    const known = knownOf(error);
    if (!known) throw error;
    const isUnknown = known.effect === 'unknown';
    // Where a person must mend it, nothing can be looked up and nothing is sent again.
    if (error instanceof PagerDutyError && isUnknown && known.mend === undefined)
      throw await leftInDoubt(call, stamp, facts, error, leftMs());
    const came = outcomeOf(call, facts, stamp, { ...known, decision: isUnknown ? 'unknown' : 'refused' });
    const state = doubtedSince === undefined && !isUnknown ? 'refused' : 'unknown';
    const isTaken = leaseUntil !== undefined && state === 'refused';
    await ledger.settle(step, stamp, { state, isAnswered: true }, came, isTaken ? endLease : undefined);
    // A name that is taken, or a state that is there already: it may be what our earlier try left.
    if (doubtedSince !== undefined && known.kind === 'InvalidRequest') {
      const { response } = await effectOf(call, doubtedSince);
      if (response !== undefined) return found(call, stamp, response, leaseUntil, sendOnce);
    }
    throw error;
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
    await ledger.settle(step, stamp, { state: 'unknown', isAnswered: true }, came(` ${sentence}`));
    throw outcomeUnknown(sentence, error.facts.retryAfterMs);
  }
  const result =
    gave === undefined
      ? done(call, response, stamp, `${allowed.sentence} PagerDuty answered ${status}.`, {
          ...facts,
          leaseUntil,
        })
      : notDone(call, 'Changed', gaveWay(call, facts, gave), stamp, facts);
  // A resolved incident, one given back, or one that a person took is held by nobody.
  const lets = call
    .actions(statusIn(facts))
    .some((action) => action === 'incidents.resolve' || action === 'incidents.unacknowledge');
  const also = lets || gave !== undefined ? endLease : undefined;
  await ledger.settle(
    step,
    stamp,
    { state: 'done', result },
    came(gave === undefined ? '' : ` But ${gave}.`),
    also,
  );
  return result;
}

/** Statuses after which nothing more can come of a request: PagerDuty itself has answered, and no gateway before it. */
const isAnswered = (status: number | undefined): boolean =>
  status !== undefined && (status < 300 || status === 500);

/** Writes down that nobody knows what came of a write. Gives the failure after which it is looked for. */
async function leftInDoubt<Name extends OperationName>(
  call: Call<Name>,
  stamp: Stamp,
  facts: AllFacts,
  error: PagerDutyError,
  leftMs: number,
): Promise<Error> {
  const answered = isAnswered(error.facts.status);
  const then =
    call.endpoint.repeat === 'never'
      ? 'Whether it took effect cannot be known, so it is not sent again.'
      : 'Whether it took effect is looked up before it is sent again.';
  const sentence = `${error.message} ${then}`;
  const came = outcomeOf(call, facts, stamp, { decision: 'unknown', sentence, ...error.facts });
  await call.ledger.settle(call.step, stamp, { state: 'unknown', isAnswered: answered }, came);
  const backOff = backOffMs(call.caller.attempt);
  return outcomeUnknown(sentence, answered ? backOff : Math.max(leftMs, backOff));
}

/** Whose credential it goes out with, as the configuration says by which it was decided: the agent's own where it has one. */
const senderOf = <Name extends OperationName>({ origin, policy }: Call<Name>): Agent | undefined =>
  origin.kind === 'agent' ? policy?.agents.get(origin.agent) : undefined;

async function sendFor<Name extends OperationName>(
  call: Call<Name>,
  permit: Permit<Name>,
  leftMs?: () => number,
): Promise<Answer<Name>> {
  const { deps, name, reader } = call;
  const answer = await sendOver(
    () => deps.connection(senderOf(call)),
    permit,
    ({ status, requestId }) => reader.reads.push({ operation: name, about: staleToken, status, requestId }),
    leftMs,
  );
  deps.clock.hear(answer.at);
  return answer;
}

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
