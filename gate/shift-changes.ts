import type { ScheduleDescription } from '@temporalio/client';
import { mayRepeat, type Store, transact, withStore } from './audit-store.ts';
import { type Difference, differences, linesFound, linesOf } from './schedules.ts';
import { isAtShifts, shiftsSaid, type TimedOrder } from './timed-orders.ts';

/** When an order at shift changes is due, as the runner has read it and written it into the order's Schedule. */
export interface KeptShifts {
  /** Whose shifts they are: those of another order of this name are none of its own. */
  readonly shifts: string;
  /** From when on: what changed before is none of the order's business. */
  readonly from: number;
  /** The instants in its Schedule, those of the last days and those to come, in order; milliseconds since 1970. */
  readonly times: readonly number[];
  /** The instants that are being written into it; absent where nothing is. */
  readonly writing?: readonly number[];
  /** Up to where `times` holds every change. */
  readonly until: number;
  /** When who is on call was last read, by Temporal's clock. */
  readonly readAt: number;
  /** How many changes were found too late to be caught up. */
  readonly missed: number;
  /** What people should know of whose shifts these are, a sentence each. */
  readonly remarks: readonly string[];
  /** Why they could not be read the last time, and since when; absent where they were. */
  readonly unread?: { readonly why: string; readonly since: number };
}

/** What is kept of an order; `undefined` where its shifts were never read. */
export async function shiftsKept(
  store: Store,
  account: string,
  name: string,
): Promise<KeptShifts | undefined> {
  const row = await withStore(() =>
    store
      .selectFrom('shift_changes')
      .select('kept')
      .where('account', '=', account)
      .where('name', '=', name)
      .executeTakeFirst(),
  );
  return row && (JSON.parse(row.kept) as KeptShifts);
}

/** Keeps it. */
export async function keepShifts(
  store: Store,
  account: string,
  name: string,
  kept: KeptShifts,
): Promise<void> {
  const text = JSON.stringify(kept);
  await transact(
    store,
    async (tx) => {
      await tx
        .insertInto('shift_changes')
        .values({ account, name, kept: text })
        .onConflict((conflict) => conflict.columns(['account', 'name']).doUpdateSet({ kept: text }))
        .execute();
    },
    mayRepeat,
  );
}

/** What is kept of these shifts; nothing where it is of others. */
export const ofOrder = (order: TimedOrder, kept: KeptShifts | undefined): KeptShifts | undefined =>
  kept && isAtShifts(order) && kept.shifts === shiftsSaid(order) ? kept : undefined;

type Found = Pick<ScheduleDescription, 'spec' | 'action' | 'policies' | 'state'>;

/**
 * In what a Schedule is not as its order says. While the runner writes new instants into it, it is right with the old ones and
 * with the new.
 */
export function differencesFrom(
  name: string,
  order: TimedOrder,
  taskQueue: string,
  kept: KeptShifts | undefined,
  found: Found,
): readonly Difference[] {
  const own = ofOrder(order, kept);
  const lines = linesFound(found);
  const by = (times: readonly number[]): readonly Difference[] =>
    differences(linesOf(name, order, taskQueue, times), lines);
  const differ = by(own?.times ?? []);
  return own?.writing && by(own.writing).length === 0 ? [] : differ;
}

/** An order's Schedule beside what is kept of its shifts. */
export interface Looked<Schedule> {
  readonly found: Schedule;
  readonly kept: KeptShifts | undefined;
  readonly differences: readonly Difference[];
}

/** Reads both; once more where they differ, since the runner may have written in between. `undefined` where there is no Schedule. */
export async function lookAt<Schedule extends Found>(
  name: string,
  order: TimedOrder,
  taskQueue: string,
  read: {
    readonly schedule: () => Promise<Schedule | undefined>;
    readonly kept: () => Promise<KeptShifts | undefined>;
  },
): Promise<Looked<Schedule> | undefined> {
  for (let look = 1; ; look += 1) {
    const found = await read.schedule();
    if (!found) return undefined;
    const kept = isAtShifts(order) ? await read.kept() : undefined;
    const differ = differencesFrom(name, order, taskQueue, kept, found);
    if (differ.length === 0 || !isAtShifts(order) || look > 1) return { found, kept, differences: differ };
  }
}
