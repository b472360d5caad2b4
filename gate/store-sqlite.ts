import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Kysely, SqliteDialect, SqliteDriver, sql } from 'kysely';
import Database from 'libsql';
import { reasonOf, StoreAway } from './store-away.ts';
import { bringUpToDate, type Tables } from './store-migrations.ts';
import type { Schema, Store } from './store-schema.ts';

/**
 * Opens the store at a file path, made and migrated where needed.
 * @throws StoreAway
 */
export async function openSqlite(file: string): Promise<Store> {
  let database: Database.Database | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true });
    database = new Database(file);
    // A locked store blocks the whole process while SQLite waits, so it waits no longer than honest writers need.
    for (const pragma of ['busy_timeout=2000', 'journal_mode=WAL', 'synchronous=FULL'])
      database.exec(`PRAGMA ${pragma}`);
    const store = new Kysely<Schema>({ dialect: new ImmediateSqlite(database) });
    await bringUpToDate(store as unknown as Kysely<unknown>, tables);
    return store;
  } catch (error) {
    database?.close();
    if (error instanceof StoreAway) throw error;
    throw new StoreAway(`The audit store ${file} cannot be opened: ${reasonOf(error)}.`, { cause: error });
  }
}

const tables: Tables = {
  types: { text: 'text', key: 'integer' },
  exist: async (db) => {
    const found = await sql`select 1 from sqlite_master where name = 'kysely_migration'`.execute(db);
    return found.rows.length > 0;
  },
  // Every transaction begins with the lock.
  lock: async () => {},
  isRefusal: (error) => error instanceof Error && 'code' in error && error.code === 'SQLITE_READONLY',
};

/**
 * Kysely begins SQLite transactions deferred, so that two processes which read and then write fail busy: here they begin with
 * the write lock. They begin by `exec`, because a prepared statement that found the store locked stays open in libsql, and no
 * later transaction of that connection can commit beside it.
 */
class ImmediateDriver extends SqliteDriver {
  readonly #database: Database.Database;
  constructor(database: Database.Database) {
    super({ database });
    this.#database = database;
  }
  override async beginTransaction(): Promise<void> {
    this.#database.exec('begin immediate');
  }
}
class ImmediateSqlite extends SqliteDialect {
  readonly #database: Database.Database;
  constructor(database: Database.Database) {
    super({ database });
    this.#database = database;
  }
  override createDriver(): SqliteDriver {
    return new ImmediateDriver(this.#database);
  }
}
