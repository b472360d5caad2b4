import type { ScheduleDescription } from '@temporalio/client';
import type { Stamp } from '../gate/audit.ts';
import { standingId } from '../gate/schedules.ts';
import { differencesFrom, type KeptShifts, keepShifts, ofOrder, shiftsKept } from '../gate/shift-changes.ts';
import { isAtShifts, type ShiftOrder, shiftsOf, shiftsSaid } from '../gate/timed-orders.ts';
import type { Span } from '../workflows/coverage.ts';
import type { Shift } from '../workflows/shift-changes.ts';
import type { Deps } from './deps.ts';
import { instantOf, isUser, type OnCallsAsked, pageOfOnCalls, rotaOf } from './duties.ts';
import type { NotDone } from './results.ts';
import { asRunner } from './runner-only.ts';
import { aheadMs, backMs, planShifts } from './shift-times.ts';

/** The orders at shift changes of an account; none where the configuration cannot be read. */
export function shiftOrdersOf({ account, policy }: Deps): readonly (readonly [string, ShiftOrder])[] {
  const state = policy();
  if (!state.readable) return [];
  return [...state.policy.timed].flatMap(([name, order]) =>
    isAtShifts(order) && order.account === account ? [[name, order] as const] : [],
  );
}

const asFollower = <T>(deps: Deps, step: string, work: () => Promise<T>): Promise<T | NotDone> =>
  asRunner(deps, step, work, 'follow shifts');

/** An order, and in which span who is on call is to be read for it. */
export interface Followed {
  readonly name: string;
  readonly by: 'schedules' | 'policies';
  readonly ids: readonly string[];
  readonly span: Span;
}

/** The orders that go by shift changes, and for each how far back and ahead is to be read. */
export async function listShiftOrders(
  deps: Deps,
  { step, at }: { readonly step: string; readonly at: number },
): Promise<{ readonly ok: true; readonly orders: readonly Followed[] } | NotDone> {
  return asFollower(deps, step, async () => {
    const store = await deps.store();
    const orders: Followed[] = [];
    for (const [name, order] of shiftOrdersOf(deps)) {
      const kept = ofOrder(order, await shiftsKept(store, deps.account, name));
      const back = Math.min(at - order.catchup, kept?.readAt ?? at);
      const span = { start: Math.max(back, at - backMs), end: at + aheadMs };
      orders.push({ name, ...shiftsOf(order), span });
    }
    return { ok: true, orders };
  });
}

/** Some of the shifts in a span. */
export interface ShiftPage {
  readonly ok: true;
  readonly shifts: readonly Shift[];
  /** Those of PagerDuty's shift-based kind. */
  readonly shiftBased: readonly { readonly id: string; readonly name: string; readonly policy: string }[];
  readonly came: number;
  readonly more: boolean;
  readonly entry: Stamp;
}

/** A page of who is on call in a span, by some schedules or some policies; a shift that nobody has is nobody's. */
export async function listShifts(deps: Deps, asked: OnCallsAsked): Promise<ShiftPage | NotDone> {
  const { step, by } = asked;
  const isOfRunner = await asFollower(deps, step, async () => ({ ok: true as const }));
  if (!isOfRunner.ok) return isOfRunner;
  const result = await pageOfOnCalls(deps, asked);
  if (!result.ok) return result;
  const { oncalls, more } = result.response;
  return {
    ok: true,
    shifts: oncalls.flatMap(
      ({ escalation_policy: policy, escalation_level: level, user, schedule, ...row }) => {
        const place = by === 'schedules' ? schedule?.id : `${policy.id} ${level}`;
        if (place === undefined || !isUser(user)) return [];
        return [{ place, user: user.id, start: instantOf(row.start), end: instantOf(row.end) }];
      },
    ),
    shiftBased: oncalls.flatMap(({ schedule, escalation_policy: policy }) => {
      const rota = schedule && rotaOf(schedule);
      return rota?.isShiftBased ? [{ id: rota.id, name: rota.name, policy: policy.id }] : [];
    }),
    came: oncalls.length,
    more: more === true,
    entry: result.entry,
  };
}

/** What was read for an order: when who is on call changes, or why that is not to be had. */
export type ReadShifts =
  | { readonly changes: readonly number[]; readonly remarks: readonly string[] }
  | { readonly unread: string };

/** What became of an order's Schedule. */
export interface KeptOrder {
  readonly ok: true;
  /** Workflow Ids of what was started late. */
  readonly started: readonly string[];
  /** What was left undone, a sentence each. */
  readonly left: readonly string[];
}

/**
 * Brings what was read into the Schedule of an order, and starts what passed before it was known. The store is told first: the
 * gate takes the Schedule for right with the old instants and with the new. A Schedule that somebody changed is left alone.
 */
export async function keepShiftChanges(
  deps: Deps,
  {
    step,
    name,
    at,
    until,
    read,
  }: {
    readonly step: string;
    /** Of the order. */
    readonly name: string;
    /** When it was read, by Temporal's clock, and up to where. */
    readonly at: number;
    readonly until: number;
    readonly read: ReadShifts;
  },
): Promise<KeptOrder | NotDone> {
  return asFollower(deps, step, async () => {
    const { account, shiftSchedules } = deps;
    const left = (...sentences: readonly string[]): KeptOrder => ({ ok: true, started: [], left: sentences });
    const order = new Map(shiftOrdersOf(deps)).get(name);
    if (!order) return left();
    const store = await deps.store();
    const kept = await shiftsKept(store, account, name);
    const own = ofOrder(order, kept);
    if ('unread' in read) {
      const unread = { why: read.unread, since: own?.unread?.since ?? at };
      // Of what was never read the list of orders says so itself.
      if (own) await keepShifts(store, account, name, { ...own, unread });
      return left(`The shift changes of ${name} could not be read: ${read.unread}`);
    }
    const scheduleId = standingId(account, name);
    const schedule = await shiftSchedules.read(scheduleId);
    if (!schedule) return left();
    const [changed] = differencesFrom(name, order, shiftSchedules.taskQueue, kept, schedule);
    if (changed)
      return left(
        `The Schedule of ${name} has other ${changed.line} than the configuration says, and is left alone; \`oncall standing\` shows it.`,
      );
    const { createdAt, lastUpdatedAt = createdAt } = schedule.info;
    const from = Math.max(own?.from ?? lastUpdatedAt.getTime(), createdAt.getTime());
    const isPaused = schedule.state.paused;
    const plan = planShifts(
      own,
      { changes: read.changes, until },
      { at, since: from, catchupMs: order.catchup, isPaused },
    );
    const now: KeptShifts = {
      shifts: shiftsSaid(order),
      from,
      times: plan.times,
      until: plan.until,
      readAt: at,
      missed: (own?.missed ?? 0) + plan.missed,
      remarks: read.remarks,
    };
    const started: string[] = [];
    if (!plan.isWritten) {
      await keepShifts(store, account, name, {
        ...now,
        times: own?.times ?? [],
        until: own?.until ?? at,
        readAt: own?.readAt ?? at,
        missed: own?.missed ?? 0,
        writing: plan.times,
      });
      const writtenAt = await shiftSchedules.write(schedule, plan.times);
      // The server passes over what was due before a Schedule was changed, where it had not come to it yet.
      const passedOver = plan.times.filter(
        (time) =>
          time > Math.max(own?.readAt ?? at, from, writtenAt - order.catchup) &&
          time <= writtenAt &&
          !plan.late.includes(time),
      );
      for (const time of isPaused ? [] : [...plan.late, ...passedOver]) {
        const workflowId = runIdAt(scheduleId, time);
        if (await deps.runs.last(workflowId)) continue;
        await shiftSchedules.start(scheduleId, time, order.overlap);
        started.push(workflowId);
      }
    }
    await keepShifts(store, account, name, now);
    const tooLate =
      plan.missed === 0
        ? []
        : [`${plan.missed} shift changes of ${name} were found too late to be caught up.`];
    return { ok: true, started, left: tooLate };
  });
}

/** The id of the run that a Schedule starts for an instant. */
const runIdAt = (scheduleId: string, time: number): string =>
  `${scheduleId}-${new Date(time).toISOString().slice(0, 19)}Z`;

/** What the server does with the Schedules of orders at shift changes. */
export interface ShiftSchedules {
  /** Task Queue on which they start runs. */
  readonly taskQueue: string;
  readonly read: (scheduleId: string) => Promise<ScheduleDescription | undefined>;
  /**
   * Has a Schedule hold these instants, all else as it was described.
   * @returns when the server did so, by its clock.
   * @throws TryAgain where somebody changed it meanwhile.
   */
  readonly write: (described: ScheduleDescription, times: readonly number[]) => Promise<number>;
  /** Has a Schedule start a run for an instant that it holds and that has passed. */
  readonly start: (scheduleId: string, time: number, overlap: 'skip' | 'buffer_one') => Promise<void>;
}
