import { Kysely, sql } from 'kysely';
import pg from 'pg';
import { type Patience, postgresDialect } from './postgres-driver.ts';
import { StoreAway, StoreFault } from './store-away.ts';
import { bringUpToDate, type Tables } from './store-migrations.ts';
import type { Schema, Store } from './store-schema.ts';

/** Connections of one process. All that write wait for one another, so that more would only wait in another place. */
const connections = 10;

/** Tables that are made wait for whoever makes them already, or uses the old ones. */
const migrating = { statementMs: 30_000, transactionMs: 60_000 };

/**
 * Every transaction of the store begins with the lock of the audit's head: then it reads what the one before it left, by
 * whichever process, and nobody writes until it ends, as with SQLite's `begin immediate`. Caps are counted exactly, a freeze holds
 * for every decision that comes after it, and the chain cannot fork. The isolation is `read committed`, whose every statement sees
 * what was committed before it; under `repeatable read` or `serializable` a transaction that waited for the lock would see the
 * store as it was before its wait, and fail. A row is locked and not the table, so that vacuuming need not wait.
 *
 * A commit that PostgreSQL may forget would be a claim that it may forget, and a write that is sent twice.
 */
const lockHead = [
  "select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'",
  'select 1 from audit_head where id = 1 for update',
].join('; ');

/**
 * Opens the store in PostgreSQL, migrated where needed.
 * @param url a secret: no part of it comes back in an error.
 * @throws StoreAway
 */
export async function openPostgres(url: string, patience: Patience): Promise<Store> {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: patience.connectMs,
    allowExitOnIdle: true,
    keepAlive: true,
    fallback_application_name: 'oncall-runner',
    types: { getTypeParser: parserOf },
    Client: ClosingClient,
  });
  // Whoever uses a connection hears of its end by its answer; unheard, these would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const store: Store = new Kysely<Schema>({ dialect: postgresDialect(pool, patience, lockHead) });
  try {
    const dialect = postgresDialect(pool, { ...patience, ...migrating }, 'select 1');
    await bringUpToDate(new Kysely({ dialect }), tables);
    return store;
  } catch (error) {
    await pool.end();
    if (!(error instanceof StoreFault)) throw error;
    const { message, cause } = error;
    throw new StoreAway(`The audit store on PostgreSQL cannot be opened: ${message}.`, { cause });
  }
}

/** Where `pg` cannot go on, as without a password, it leaves the connection open, and PostgreSQL waits a minute for more. */
class ClosingClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    this.connection.on('error', () => this.connection.stream.destroy());
  }
}

/** PostgreSQL's numbers of 64 bits come as text; none of ours is beyond what JavaScript counts exactly. */
const parserOf: typeof pg.types.getTypeParser = (type, format) =>
  type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format);

const tables: Tables = {
  types: {
    // By bytes: an index that is ordered by a language breaks, and lets a second claim in, where the system's idea of it changes.
    text: sql`text collate "C"`,
    key: 'bigint',
  },
  exist: async (db) => {
    const { rows } = await sql<{ there: boolean }>`
      select to_regclass('kysely_migration') is not null as there`.execute(db);
    return rows[0]?.there === true;
  },
  lock: async (tx) => {
    // Any number will do, as long as it is the same for all; held until the transaction ends.
    await sql`select pg_advisory_xact_lock(7166312114110120)`.execute(tx);
    // Where tables are already, new ones go beside them, whatever comes first in the search path of this user.
    await sql`select set_config('search_path', quote_ident(n.nspname), true)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = to_regclass('kysely_migration')`.execute(tx);
    // After those who write, and not between two of their locks.
    const { rows } = await sql`select 1 where to_regclass('audit_head') is not null`.execute(tx);
    if (rows.length > 0) await sql`select 1 from audit_head for update`.execute(tx);
  },
  isRefusal: (error) =>
    error instanceof StoreFault && error.cause instanceof pg.DatabaseError && error.cause.code === '42501',
};
