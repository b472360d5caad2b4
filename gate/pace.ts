import type { Standing } from '../pagerduty/rate-limit.ts';
import { mayRepeat, type PaceRow, type Store, transact, withStore } from './audit-store.ts';
import { storeClock } from './store-clock.ts';

/** How long a keeper that is heard no more keeps others from taking over, in milliseconds. */
const keepsForMs = 10_000;

/** After this a Worker that said nothing more is gone, in milliseconds. */
const goneAfterMs = 5_000;

/** Who keeps an account's pace from now on, and what is remembered. */
export type Keeper = Pick<PaceRow, 'keeper' | 'memory'>;

/**
 * Makes a Worker the keeper of an account's pace, or keeps it so with what it remembers by now; not where another is. Most who
 * ask only look, and write nothing.
 */
export async function keep(
  store: Store,
  account: string,
  worker: string,
  memory: string | undefined,
): Promise<Keeper> {
  const found = await withStore(() => keeperIn(store, account));
  if (found && found.keeper !== worker && found.until > (await withStore(() => storeClock(store))))
    return found;
  const work = async (tx: Parameters<Parameters<typeof transact>[1]>[0]): Promise<Keeper> => {
    const now = await storeClock(tx);
    const before = await keeperIn(tx, account);
    if (before && before.keeper !== worker && before.until > now) return before;
    const row = {
      keeper: worker,
      until: now + keepsForMs,
      // Who was not the keeper goes on from what the last one knew.
      memory: (before?.keeper === worker ? memory : undefined) ?? before?.memory ?? '',
    };
    await tx
      .insertInto('pace')
      .values({ account, ...row })
      .onConflict((conflict) => conflict.column('account').doUpdateSet(row))
      .execute();
    return row;
  };
  return transact(store, work, mayRepeat);
}

const keeperIn = async (db: Pick<Store, 'selectFrom'>, account: string): Promise<PaceRow | undefined> => {
  const row = await db.selectFrom('pace').selectAll().where('account', '=', account).executeTakeFirst();
  return row && { ...row, until: Number(row.until) };
};

/** How one credential's budget stands, as the keeper of its account said last. */
export interface Budget extends Standing {
  /** As the configuration writes it: a reference, and no secret. */
  readonly credential: string;
  /** How long ago that was, in milliseconds. */
  readonly ageMs: number;
}

/** The budgets of an account; none where no Worker keeps its pace, or none has been heard of. */
export const budgetsOf = (store: Store, account: string): Promise<readonly Budget[]> =>
  withStore(async () => {
    const { until = 0, memory = '' } = (await keeperIn(store, account)) ?? {};
    if (until === 0 || memory === '') return [];
    const ageMs = Math.max(0, (await storeClock(store)) - (until - keepsForMs));
    const known = JSON.parse(memory) as readonly (readonly [string, unknown, (Standing | null)?])[];
    return known.flatMap(([credential, , standing]) =>
      standing ? [{ ...standing, credential, ageMs, resetMs: standing.resetMs - ageMs }] : [],
    );
  });

/**
 * How long ago the last lease of a keeper ended, in milliseconds, of whatever account: negative while one keeps a pace, which is
 * as long as a Worker works; `undefined` where none ever has.
 */
export const sinceKept = (store: Store): Promise<number | undefined> =>
  withStore(async () => {
    const rows = await store.selectFrom('pace').select('until').execute();
    if (rows.length === 0) return undefined;
    return (await storeClock(store)) - Math.max(...rows.map(({ until }) => Number(until)));
  });

/** A keeper that stops lets the next one begin at once. */
export async function letGo(store: Store, account: string, worker: string): Promise<void> {
  await transact(
    store,
    async (tx) => {
      const mine = tx.updateTable('pace').set({ until: 0 }).where('account', '=', account);
      await mine.where('keeper', '=', worker).execute();
      const counts = tx.deleteFrom('pace_counts').where('account', '=', account);
      await counts.where('worker', '=', worker).execute();
    },
    mayRepeat,
  );
}

/** Says what a Worker has counted, and forgets Workers that are gone. */
export async function tellCounts(
  store: Store,
  account: string,
  worker: string,
  counts: string,
): Promise<void> {
  await transact(
    store,
    async (tx) => {
      const at = await storeClock(tx);
      const old = tx.deleteFrom('pace_counts').where('account', '=', account);
      await old.where('at', '<', at - 60 * goneAfterMs).execute();
      await tx
        .insertInto('pace_counts')
        .values({ account, worker, at, counts })
        .onConflict((conflict) => conflict.columns(['account', 'worker']).doUpdateSet({ at, counts }))
        .execute();
    },
    mayRepeat,
  );
}

/** What another Worker has counted. */
export interface Told {
  readonly worker: string;
  /** How long ago it said so, in milliseconds. */
  readonly ageMs: number;
  readonly counts: string;
  /** Whether it may still be at work. */
  readonly isThere: boolean;
}

/** What the other Workers of an account have counted. */
export const countsOfOthers = (store: Store, account: string, worker: string): Promise<readonly Told[]> =>
  withStore(async () => {
    const now = await storeClock(store);
    const rows = await store.selectFrom('pace_counts').selectAll().where('account', '=', account).execute();
    return rows
      .filter((row) => row.worker !== worker)
      .map(({ worker: name, at, counts }) => {
        const ageMs = Math.max(0, now - Number(at));
        return { worker: name, ageMs, counts, isThere: ageMs < goneAfterMs };
      });
  });
