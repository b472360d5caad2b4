import { SqliteAdapter, sql } from 'kysely';
import type { Store } from './audit-store.ts';

/**
 * The store's own clock, milliseconds since 1970. All Workers share the store, so what one writes down by this clock another
 * can compare; the clock of a Worker may be off by hours.
 */
export async function storeClock(db: Pick<Store, 'getExecutor'>): Promise<number> {
  const isSqlite = db.getExecutor().adapter instanceof SqliteAdapter;
  const clock = isSqlite
    ? sql<{ ms: number }>`select cast((julianday('now') - 2440587.5) * 86400000 as integer) as ms`
    : sql<{ ms: number }>`select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as ms`;
  const { rows } = await clock.execute(db);
  return Number(rows[0]?.ms);
}
