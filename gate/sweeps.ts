import { type Store, type SweepRow, type SweptRow, transact, withStore } from './audit-store.ts';

/** An open incident as one page of a sweep shows it. */
export type Listed = Pick<SweptRow, 'incident' | 'state' | 'service' | 'opened_at'>;

/** How long a sweep that did not complete may still be under way. */
const longestMs = 10 * 60_000;

/** Differs from every state: what has happened to the incident is still to be told. */
const unknownState = 'unknown';

/** How many rows are written by one statement. */
const rowsAtOnce = 200;

/** Keeps a page of a sweep, beside the last complete one, until it is complete itself. A page that comes again changes nothing. */
export async function keepPage(
  store: Store,
  account: string,
  sweep: number,
  listed: readonly Listed[],
): Promise<void> {
  const rows = listed.map((row): SweptRow => ({ ...row, account, sweep, state_at: sweep, notes_at: null }));
  await transact(store, async (tx) => {
    for (let from = 0; from < rows.length; from += rowsAtOnce) {
      await tx
        .insertInto('swept')
        .values(rows.slice(from, from + rowsAtOnce))
        .onConflict((conflict) => conflict.columns(['account', 'sweep', 'incident']).doNothing())
        .execute();
    }
  });
}

/** The last complete sweep of an account; `undefined` before the first. */
export const lastSweep = (store: Store, account: string): Promise<SweepRow | undefined> =>
  withStore(() => store.selectFrom('sweeps').selectAll().where('account', '=', account).executeTakeFirst());

/** The last complete sweep of every account. */
export const lastSweeps = (store: Store): Promise<readonly SweepRow[]> =>
  withStore(() => store.selectFrom('sweeps').selectAll().orderBy('account').execute());

/** What a sweep listed, by incident. */
export async function sweptIn(
  store: Store,
  account: string,
  sweep: number,
): Promise<ReadonlyMap<string, SweptRow>> {
  const rows = await withStore(() =>
    store.selectFrom('swept').selectAll().where('account', '=', account).where('sweep', '=', sweep).execute(),
  );
  return new Map(rows.map((row) => [row.incident, row]));
}

/** What a complete sweep leaves to the next. */
export interface Completed {
  readonly account: string;
  readonly sweep: number;
  /** Digests of the standing orders that it knew. */
  readonly orders: readonly string[];
  /** Incidents of which it could not be told yet what has happened since the sweep before. */
  readonly untold: readonly string[];
  /** Incidents whose notes were compared. */
  readonly notesRead: readonly string[];
  /** Incidents whose notes are still to be compared. */
  readonly notesLeft: readonly string[];
}

/**
 * Makes a sweep the last complete one: the only thing that moves the watermark, and it moves forward alone.
 * @returns until when notes are complete now; `null` where they never were.
 */
export async function complete(
  store: Store,
  { account, sweep, orders, untold, notesRead, notesLeft }: Completed,
): Promise<number | null> {
  const before = await lastSweep(store, account);
  if (before && before.sweep >= sweep) return before.notes_until;
  const was = before ? await sweptIn(store, account, before.sweep) : new Map<string, SweptRow>();
  const now = await sweptIn(store, account, sweep);
  const times = notesLeft.map((incident) => was.get(incident)?.notes_at ?? before?.notes_until ?? null);
  const known = times.filter((time) => time !== null);
  const notes_until = times.length === 0 ? sweep : known.length < times.length ? null : Math.min(...known);
  const noted = new Map<string, number>();
  for (const { incident, notes_at } of was.values()) if (notes_at !== null) noted.set(incident, notes_at);
  for (const incident of notesRead) noted.set(incident, sweep);
  await transact(store, async (tx) => {
    for (const [incident, notes_at] of noted) {
      await tx
        .updateTable('swept')
        .set({ notes_at })
        .where('account', '=', account)
        .where('sweep', '=', sweep)
        .where('incident', '=', incident)
        .execute();
    }
    for (const incident of untold) {
      const row = was.get(incident) ?? now.get(incident);
      if (!row || !before) continue;
      const state_at = was.get(incident)?.state_at ?? before.sweep;
      const unknown = { ...row, sweep, state: unknownState, state_at };
      await tx
        .insertInto('swept')
        .values(unknown)
        .onConflict((conflict) =>
          conflict.columns(['account', 'sweep', 'incident']).doUpdateSet({ state: unknownState, state_at }),
        )
        .execute();
    }
    await tx
      .insertInto('sweeps')
      .values({ account, sweep, notes_until, orders: JSON.stringify(orders) })
      .onConflict((conflict) =>
        conflict.column('account').doUpdateSet({ sweep, notes_until, orders: JSON.stringify(orders) }),
      )
      .execute();
    // What a sweep beside this one has listed so far stays until it can no longer be under way.
    await tx
      .deleteFrom('swept')
      .where('account', '=', account)
      .where('sweep', '!=', sweep)
      .where((is) => is.or([is('sweep', '=', before?.sweep ?? 0), is('sweep', '<', sweep - longestMs)]))
      .execute();
  });
  return notes_until;
}
