import {
  mayRepeat,
  type Store,
  type StoreTransaction,
  type SweepRow,
  type SweptRow,
  transact,
  withStore,
} from './audit-store.ts';

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
  const work = async (tx: StoreTransaction): Promise<void> => {
    for (const some of lots(rows)) {
      await tx
        .insertInto('swept')
        .values(some)
        .onConflict((conflict) => conflict.columns(['account', 'sweep', 'incident']).doNothing())
        .execute();
    }
  };
  await transact(store, work, mayRepeat);
}

/** Writes rows of a sweep; of those that stand already, these columns alone. In lots: all who write wait for this transaction. */
async function amend(
  tx: StoreTransaction,
  rows: readonly SweptRow[],
  columns: readonly ('notes_at' | 'state' | 'state_at')[],
): Promise<void> {
  for (const some of lots(rows)) {
    await tx
      .insertInto('swept')
      .values(some)
      .onConflict((conflict) =>
        conflict
          .columns(['account', 'sweep', 'incident'])
          .doUpdateSet((row) =>
            Object.fromEntries(columns.map((column) => [column, row.ref(`excluded.${column}`)])),
          ),
      )
      .execute();
  }
}

function* lots<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < rows.length; from += rowsAtOnce) yield rows.slice(from, from + rowsAtOnce);
}

type Reads = Pick<Store, 'selectFrom'>;

/** The last complete sweep of an account; `undefined` before the first. */
export const lastSweep = (store: Store, account: string): Promise<SweepRow | undefined> =>
  withStore(() => lastIn(store, account));

const lastIn = (db: Reads, account: string): Promise<SweepRow | undefined> =>
  db.selectFrom('sweeps').selectAll().where('account', '=', account).executeTakeFirst();

/** What a sweep listed, by incident. */
export const sweptIn = (
  store: Store,
  account: string,
  sweep: number,
): Promise<ReadonlyMap<string, SweptRow>> => withStore(() => listedIn(store, account, sweep));

async function listedIn(db: Reads, account: string, sweep: number): Promise<ReadonlyMap<string, SweptRow>> {
  const rows = await db
    .selectFrom('swept')
    .selectAll()
    .where('account', '=', account)
    .where('sweep', '=', sweep)
    .execute();
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
 * Makes a sweep the last complete one: the only thing that moves the watermark, and it moves forward alone, also where two
 * Workers sweep at once.
 * @returns until when notes are complete now; `null` where they never were.
 */
export const complete = (store: Store, completed: Completed): Promise<number | null> =>
  transact(store, (tx) => completeIn(tx, completed), mayRepeat);

async function completeIn(
  tx: StoreTransaction,
  { account, sweep, orders, untold, notesRead, notesLeft }: Completed,
): Promise<number | null> {
  const before = await lastIn(tx, account);
  if (before && before.sweep >= sweep) return before.notes_until;
  const was = before ? await listedIn(tx, account, before.sweep) : new Map<string, SweptRow>();
  const now = await listedIn(tx, account, sweep);
  const times = notesLeft.map((incident) => was.get(incident)?.notes_at ?? before?.notes_until ?? null);
  const known = times.filter((time) => time !== null);
  const notes_until = times.length === 0 ? sweep : known.length < times.length ? null : Math.min(...known);
  const read = new Set(notesRead);
  const noted = [...now.values()].flatMap((row) => {
    const notes_at = read.has(row.incident) ? sweep : (was.get(row.incident)?.notes_at ?? null);
    return notes_at === null ? [] : [{ ...row, notes_at }];
  });
  await amend(tx, noted, ['notes_at']);
  const unknown = untold.flatMap((incident) => {
    const row = was.get(incident) ?? now.get(incident);
    if (!row || !before) return [];
    const state_at = was.get(incident)?.state_at ?? before.sweep;
    return [{ ...row, sweep, state: unknownState, state_at }];
  });
  await amend(tx, unknown, ['state', 'state_at']);
  const watermark = { sweep, notes_until, orders: JSON.stringify(orders) };
  await tx
    .insertInto('sweeps')
    .values({ account, ...watermark })
    .onConflict((conflict) => conflict.column('account').doUpdateSet(watermark))
    .execute();
  // What a sweep beside this one has listed so far stays until it can no longer be under way.
  await tx
    .deleteFrom('swept')
    .where('account', '=', account)
    .where('sweep', '!=', sweep)
    .where((is) => is.or([is('sweep', '=', before?.sweep ?? 0), is('sweep', '<', sweep - longestMs)]))
    .execute();
  return notes_until;
}
