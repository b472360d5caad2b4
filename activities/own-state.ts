import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { StoreAway, withStore } from '../gate/audit-store.ts';
import { leasesOf } from '../gate/leases.ts';
import { standingId } from '../gate/schedules.ts';
import { storeClock } from '../gate/store-clock.ts';
import { oneLine } from '../pagerduty/text.ts';
import { type Call, callOf } from './call.ts';
import { decideOn } from './decision.ts';
import type { Deps } from './deps.ts';
import type { Read } from './duties.ts';
import { toFailure } from './failures.ts';
import { noteReads } from './perform.ts';
import { entryOf } from './records.ts';
import { notDone } from './results.ts';
import type { WaitingStep } from './runs.ts';

/** An incident that a run of ours holds acknowledged. */
export interface HeldLease {
  readonly incident: string;
  readonly agent: string;
  readonly run: string;
  /** ISO 8601. */
  readonly until: string;
}

/** A Schedule of ours that starts nothing. */
export interface IdleSchedule {
  readonly scheduleId: string;
  readonly state: 'paused' | 'missing';
  /** What was left for whoever finds it paused. */
  readonly note: string | null;
  /** What comes of it. */
  readonly without: string;
}

/** What we hold and wait for in an account; of a part that could not be read, `null`. */
export interface OwnState {
  readonly leases: readonly HeldLease[] | null;
  readonly approvals: readonly WaitingStep[] | null;
  readonly schedules: readonly IdleSchedule[] | null;
  /** What could not be read, and why. */
  readonly missing: readonly string[];
}

const most = { leases: 50, runs: 20, orders: 50, text: 200 };

/** How long runs have to say what waits in them, in milliseconds. */
const answersWithinMs = 5_000;

/**
 * What we hold and wait for in this account. Whoever may list its incidents may see it: who has acknowledged one stands in
 * PagerDuty as well, and of what a grant leaves out an id is told and no more. Sends nothing; written down as a question.
 */
export async function readOwnState(deps: Deps, { step }: { readonly step: string }): Promise<Read<OwnState>> {
  let call: Call<'listIncidents'> | undefined;
  try {
    call = await callOf(deps, 'listIncidents', { step, request: {} });
    return await tell(call);
  } catch (error) {
    if (call) await noteReads(call, error);
    throw toFailure(error);
  }
}

async function tell(call: Call<'listIncidents'>): Promise<Read<OwnState>> {
  const { deps, ledger } = call;
  const { decision, facts } = await decideOn(call);
  const record = { ...entryOf(call, facts, decision), operation: 'readOwnState' };
  if (decision.decision !== 'allowed') {
    const kind = decision.decision === 'denied' ? 'PermissionDenied' : 'ApprovalNeeded';
    return notDone(call, kind, decision.sentence, await ledger.entry(record), facts);
  }
  const sentence = `Only what we hold was asked, nothing was to be sent: ${decision.sentence}`;
  const entry = await ledger.entry({ ...record, kind: 'question', decision: 'asked', sentence });
  const missing: string[] = [];
  const [leases, approvals, schedules] = await Promise.all([
    part('leases', leasesNow(deps, missing), missing),
    part('approvals that wait', approvalsNow(deps, missing), missing),
    part('Schedules that are paused', schedulesNow(deps, missing), missing),
  ]);
  return { ok: true, leases, approvals, schedules, missing, agent: call.caller.agent, entry };
}

/** A part that store or server do not give is named, and leaves the others as they are. */
async function part<T>(what: string, read: Promise<T>, missing: string[]): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    const isAway = error instanceof StoreAway;
    if (!isAway && !(error instanceof ServiceError) && !isGrpcServiceError(error)) throw error;
    missing.push(`${what}: ${isAway ? '' : 'Temporal does not say: '}${oneLine(error.message, most.text)}`);
    return null;
  }
}

/** The leases that hold, those that end first before the others. */
async function leasesNow({ account, store, isLive }: Deps, missing: string[]): Promise<readonly HeldLease[]> {
  const open = await store();
  const now = await withStore(() => storeClock(open));
  const running = (await leasesOf(open, account))
    .filter((lease) => lease.expires_at > now)
    .toSorted((a, b) => a.expires_at - b.expires_at);
  tellMore(missing, 'leases', running.length - most.leases, 'incident');
  const looked = await Promise.all(
    running.slice(0, most.leases).map(async (lease) => ({ lease, isHeld: await isLive(lease) })),
  );
  return looked.flatMap(({ lease: { incident, agent, workflow_id: run, expires_at: until }, isHeld }) =>
    isHeld ? [{ incident, agent, run, until: new Date(until).toISOString() }] : [],
  );
}

/** The steps that wait for an operator, those that have waited longest first. */
async function approvalsNow({ runs }: Deps, missing: string[]): Promise<readonly WaitingStep[]> {
  const { steps, silent, more } = await runs.waiting(most.runs, answersWithinMs);
  for (const run of silent) missing.push(`what waits in ${oneLine(run, most.text)}: no answer came in time`);
  if (more) missing.push(`approvals that wait in more than the first ${most.runs} runs`);
  return steps.toSorted((a, b) => (a.since ?? '~').localeCompare(b.since ?? '~'));
}

/** The sweeps and the orders by a Schedule that start nothing. */
async function schedulesNow(
  { account, policy, sweeps, shiftSchedules }: Deps,
  missing: string[],
): Promise<readonly IdleSchedule[]> {
  const state = policy();
  const names = state.readable
    ? [...state.policy.timed].flatMap(([name, order]) => (order.account === account ? [name] : []))
    : [];
  tellMore(missing, 'Schedules', names.length - most.orders, 'standing order');
  const orders = names.slice(0, most.orders).map((name) => ({
    scheduleId: standingId(account, name),
    without: `the standing order ${name} starts nothing`,
  }));
  const found = await Promise.all(
    [...sweeps, ...orders].map(async (one) => ({
      ...one,
      schedule: await shiftSchedules.read(one.scheduleId),
    })),
  );
  return found.flatMap(({ scheduleId, without, schedule }): readonly IdleSchedule[] => {
    if (!schedule) return [{ scheduleId, state: 'missing', note: null, without }];
    const { paused, note } = schedule.state;
    if (!paused) return [];
    return [{ scheduleId, state: 'paused', note: note ? oneLine(note, most.text) : null, without }];
  });
}

function tellMore(missing: string[], what: string, left: number, of: string): void {
  if (left > 0) missing.push(`${what} of ${left} more ${of}${left === 1 ? '' : 's'}`);
}
