import { withStore } from '../gate/audit-store.ts';
import type { Decision } from '../gate/decide.ts';
import type { Facts } from '../gate/facts.ts';
import { switchesFor } from '../gate/switches.ts';
import { speaker } from '../gate/words.ts';
import type { Action } from '../pagerduty/catalogue/endpoint.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { PagerDutyError } from '../pagerduty/errors.ts';
import type { PlanWrite } from '../workflows/contract.ts';
import { type Call, type CallInput, callOf, statusIn } from './call.ts';
import { drifted, gather, hopelessNow } from './decision.ts';
import type { Deps } from './deps.ts';
import type { FactReader } from './facts.ts';
import type { InTheWay } from './results.ts';

/** A write before the gate has said anything of it. */
export type Planned = Omit<PlanWrite, 'decision' | 'rule' | 'sentence'>;

/** The writes of a plan as the calls that they would be, and the incidents that they name. */
export interface PlannedCalls {
  readonly calls: readonly Call<OperationName>[];
  /** What no fact can make allowed is decided without any. */
  readonly hopeless: ReadonlyMap<Call<OperationName>, Decision>;
  readonly incidents: NonNullable<Facts['incidents']>;
  /** What all of them do, by what PagerDuty has now. */
  readonly actions: ReadonlySet<Action>;
  /** Incidents that are not as the plan has them. */
  readonly changed: readonly InTheWay[];
}

/** Puts the calls together, and reads the incidents that they name, all at once. */
export async function callsOf(
  deps: Deps,
  reader: FactReader,
  writes: readonly Planned[],
): Promise<PlannedCalls> {
  const calls: Call<OperationName>[] = [];
  for (const { step, operation, request } of writes) {
    const call = await callOf(deps, operation, { step, request } as CallInput<OperationName>);
    calls.push({ ...call, reader });
  }
  const hopeless = new Map<Call<OperationName>, Decision>();
  for (const call of calls) {
    const denial = await hopelessNow(call);
    if (denial) hopeless.set(call, denial);
  }
  const asked = new Set(
    calls.filter((call) => !hopeless.has(call)).flatMap(({ incidentIds }) => incidentIds),
  );
  // One that PagerDuty does not have is none.
  const incidents = asked.size === 0 ? [] : await reader.incidents([...asked], { mayLack: true });
  const unchanged = [...new Map(writes.flatMap(({ seen }) => seen).map((was) => [was.id, was])).values()];
  const changed = await drifted({
    unchanged: hopeless.size === calls.length ? [] : unchanged.filter(({ id }) => asked.has(id)),
    reader,
    deps,
  });
  const actions = new Set(calls.flatMap((call) => call.actions(statusIn({ incidents }))));
  return { calls, hopeless, incidents, actions, changed };
}

/** The gate's word on each of them, and for which incidents one is denied; of one that names none, its own step. */
export async function decisionsOn(
  deps: Deps,
  { calls, hopeless, incidents }: PlannedCalls,
  approvedBy: readonly string[],
): Promise<{ readonly decisions: readonly Decision[]; readonly denied: readonly InTheWay[] }> {
  const used: Record<string, number> = {};
  const decisions: Decision[] = [];
  const denied: InTheWay[] = [];
  for (const call of calls) {
    const own = incidents.filter(({ id, number }) =>
      call.incidentIds.some((named) => named === id || named === String(number)),
    );
    const facts = call.incidentIds.length === 0 ? {} : { incidents: own };
    const decision = hopeless.get(call) ?? (await decided(deps, call, { facts, approvedBy, used }));
    decisions.push(decision);
    if (decision.decision === 'denied') denied.push(...deniedIn(call, decision, facts));
  }
  return { decisions, denied };
}

interface Weighing {
  readonly facts: Facts;
  readonly approvedBy: readonly string[];
  /** How often the writes before it use the capped grants. */
  readonly used: Record<string, number>;
}

/** The gate's word on one write, as if those before it were made. */
async function decided(deps: Deps, call: Call<OperationName>, weighing: Weighing): Promise<Decision> {
  const { facts, approvedBy, used } = weighing;
  const lacking: Decision = {
    decision: 'denied',
    rule: 'facts',
    sentence: `${speaker(call.caller)} may not do "${call.caller.step}": PagerDuty did not say what the decision needs to know.`,
  };
  const known = { facts };
  const first = await gather(call, known, false).catch((error: unknown) => {
    // What it hangs on is still to be made, or is not to be had: then nobody can tell.
    if (!(error instanceof PagerDutyError) || error.facts.kind !== 'NotFound') throw error;
  });
  if (!first) return lacking;
  const { policy, origin, caller, step } = call;
  if (!policy || origin.kind !== 'agent' || first.decision === 'denied') return first;
  const caps = first.decision === 'allowed' ? (first.caps ?? []) : [];
  const asked = { agent: caller.agent, bearer: origin.bearer, stepKey: step.key, caps, now: deps.now() };
  const switches = await withStore(async () => switchesFor(await deps.store(), policy, asked));
  const uses = Object.fromEntries(
    Object.entries(switches.uses).map(([grant, count]) => [grant, count + (used[grant] ?? 0)]),
  );
  const last = call.judge(known.facts, { approvedBy, switches: { ...switches, uses } });
  if (last.decision === 'allowed') for (const { grant } of caps) used[grant] = (used[grant] ?? 0) + 1;
  return last.decision === 'needs' ? lacking : last;
}

/** For which of its incidents a write is denied. */
function deniedIn(call: Call<OperationName>, { sentence }: Decision, facts: Facts): readonly InTheWay[] {
  const alone = call.parts().flatMap(({ id, judge }): readonly InTheWay[] => {
    const word = judge(facts);
    return word.decision === 'denied' ? [{ id, why: word.sentence }] : [];
  });
  if (alone.length > 0) return alone;
  const ids = call.incidentIds.length > 0 ? call.incidentIds : [call.caller.step];
  return ids.map((id) => ({ id, why: sentence }));
}
