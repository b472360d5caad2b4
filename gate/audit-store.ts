import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  Kysely,
  type Migration,
  Migrator,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  sql,
  type Transaction,
} from 'kysely';
import Database from 'libsql';

/** One audit record as it lies in the store. `record` is its canonical JSON; the other columns repeat what lists filter by. */
export interface AuditRow {
  seq: number;
  at: string;
  kind: string;
  agent: string;
  action: string;
  decision: string;
  workflow_id: string;
  incident: string | null;
  record: string;
  prev: string;
  hash: string;
}

/** The claim of one write: its state, and what came of it. */
export interface StepRow {
  step_key: string;
  /** Digest of operation and request: another request under the same key is an error, never a match. */
  digest: string;
  state: 'sent' | 'unknown' | 'refused' | 'done';
  /** Sequence number of the entry that allowed the last try. */
  entry: number;
  entry_hash: string;
  sent_at: string;
  /** When the last try's HTTP limit ends, milliseconds since 1970: until then its answer may still come. */
  answer_by: number;
  /** Until when the incident is held, where the write is an acknowledge; milliseconds since 1970. */
  lease_until: number | null;
  result: string | null;
}

/** An incident that a run of ours holds acknowledged. One row an incident; the newest acknowledge wins. */
export interface LeaseRow {
  account: string;
  incident: string;
  workflow_id: string;
  first_run_id: string;
  agent: string;
  policy: string | null;
  /** Milliseconds since 1970. */
  expires_at: number;
}

/** An open incident as a sweep listed it. The rows of a complete sweep are what the next one is compared with. */
export interface SweptRow {
  account: string;
  incident: string;
  /** The sweep: when it began, milliseconds since 1970. */
  sweep: number;
  /** Its state in one line, as runs keep it. */
  state: string;
  service: string | null;
  /** When PagerDuty opened it, milliseconds since 1970. */
  opened_at: number;
  /** The sweep that read this state. An older one where what has happened since could not be told yet. */
  state_at: number;
  /** The sweep that last compared its notes. */
  notes_at: number | null;
}

/** The last complete sweep of an account. */
export interface SweepRow {
  account: string;
  /** When it began, milliseconds since 1970. */
  sweep: number;
  /** The oldest comparison of notes that counts; `null` before the first. */
  notes_until: number | null;
  /** Digests of the standing orders that it knew, as JSON. */
  orders: string;
}

interface Schema {
  audit: AuditRow;
  audit_head: { id: number; seq: number; hash: string };
  steps: StepRow;
  leases: LeaseRow;
  statements: { jti: string; workflow_id: string; first_run_id: string; spent_at: string };
  accounts: { name: string; configuration: string; seen_at: string };
  our_users: { account: string; user: string };
  switches: SwitchRow;
  bearers: BearerRow;
  uses: { agent: string; granted: string; step_key: string; at: number };
  sweeps: SweepRow;
  swept: SweptRow;
}

/** A kill switch that was pressed: everything frozen, or one identity disabled. It holds until an operator's statement lifts it. */
export interface SwitchRow {
  id: string;
  kind: 'freeze' | 'disable';
  /** Who is disabled; empty where everything is frozen. */
  name: string;
  /** ISO 8601. */
  at: string;
  by_whom: string;
  reason: string;
  lifted: string | null;
  /** Milliseconds since 1970. */
  lifted_at: number | null;
}

/** A token by which an agent comes to a front door. Of the token itself only its hash is here. */
export interface BearerRow {
  id: string;
  agent: string;
  /** SHA-256 of the whole token, in hex. */
  hash: string;
  /** ISO 8601. */
  made_at: string;
  by_whom: string;
  /** Milliseconds since 1970. */
  expires_at: number;
  /** Since when and by whom it was revoked, in words. */
  revoked: string | null;
}

export type Store = Kysely<Schema>;
export type StoreTransaction = Transaction<Schema>;

/** The store can't be opened, read or written. Without it nothing is sent, except releases. */
export class StoreAway extends Error {
  override readonly name = 'StoreAway';
}

/** The store's file in `ONCALL_HOME`. */
export const storeFile = (home: string): string => join(home, 'audit.db');

/** Opens the store at a file path, made and migrated where needed; several processes may do so at once. */
export async function openStore(file: string): Promise<Store> {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const database = new Database(file);
    // A locked store blocks the whole process while SQLite waits, so it waits no longer than honest writers need.
    for (const pragma of ['busy_timeout=2000', 'journal_mode=WAL', 'synchronous=FULL'])
      database.exec(`PRAGMA ${pragma}`);
    const store: Store = new Kysely({ dialect: new ImmediateSqlite(database) });
    const { error } = await new Migrator({
      db: store,
      provider: { getMigrations: async () => migrations },
    }).migrateToLatest();
    if (error) throw error;
    return store;
  } catch (error) {
    throw new StoreAway(`The audit store ${file} cannot be opened: ${reason(error)}.`, { cause: error });
  }
}

/**
 * Writes in one transaction that holds the write lock from its beginning. Every write goes this way: outside of it, a
 * statement that finds the store locked would stay open.
 */
export const transact = <T>(store: Store, work: (tx: StoreTransaction) => Promise<T>): Promise<T> =>
  withStore(() => store.transaction().execute(work));

/** Reads from the store; whatever goes wrong below is `StoreAway`. */
export async function withStore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && /^(SQLITE_|SqliteError)/.test(codeOf(error))) {
      throw new StoreAway(`The audit store cannot be used: ${reason(error)}.`, { cause: error });
    }
    throw error;
  }
}

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : error.name);
const reason = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');

/**
 * Kysely begins SQLite transactions deferred and migrates outside of one, so two processes race ("duplicate column name"):
 * both begin with the write lock here. They begin by `exec`, because a prepared statement that found the store locked stays
 * open in libsql, and no later transaction of that connection can commit beside it.
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
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
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
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

const migrations: Record<string, Migration> = {
  '0001-first': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('audit')
        .addColumn('seq', 'integer', (column) => column.primaryKey())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('agent', 'text', (column) => column.notNull())
        .addColumn('action', 'text', (column) => column.notNull())
        .addColumn('decision', 'text', (column) => column.notNull())
        .addColumn('workflow_id', 'text', (column) => column.notNull())
        .addColumn('incident', 'text')
        .addColumn('record', 'text', (column) => column.notNull())
        .addColumn('prev', 'text', (column) => column.notNull())
        .addColumn('hash', 'text', (column) => column.notNull())
        .execute();
      for (const column of ['at', 'workflow_id', 'incident']) {
        await db.schema.createIndex(`audit_by_${column}`).on('audit').column(column).execute();
      }
      await db.schema
        .createTable('audit_head')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('seq', 'integer', (column) => column.notNull())
        .addColumn('hash', 'text', (column) => column.notNull())
        .execute();
      await sql`insert into audit_head (id, seq, hash) values (1, 0, '')`.execute(db);
      await db.schema
        .createTable('steps')
        .addColumn('step_key', 'text', (column) => column.primaryKey())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('entry', 'integer', (column) => column.notNull())
        .addColumn('entry_hash', 'text', (column) => column.notNull())
        .addColumn('sent_at', 'text', (column) => column.notNull())
        .addColumn('answer_by', 'bigint', (column) => column.notNull())
        .addColumn('lease_until', 'bigint')
        .addColumn('result', 'text')
        .execute();
      await db.schema
        .createTable('leases')
        .addColumn('account', 'text', (column) => column.notNull())
        .addColumn('incident', 'text', (column) => column.notNull())
        .addColumn('workflow_id', 'text', (column) => column.notNull())
        .addColumn('first_run_id', 'text', (column) => column.notNull())
        .addColumn('agent', 'text', (column) => column.notNull())
        .addColumn('policy', 'text')
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('leases_pk', ['account', 'incident'])
        .execute();
      await db.schema
        .createTable('statements')
        .addColumn('jti', 'text', (column) => column.primaryKey())
        .addColumn('workflow_id', 'text', (column) => column.notNull())
        .addColumn('first_run_id', 'text', (column) => column.notNull())
        .addColumn('spent_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('accounts')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('configuration', 'text', (column) => column.notNull())
        .addColumn('seen_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('our_users')
        .addColumn('account', 'text', (column) => column.notNull())
        .addColumn('user', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('our_users_pk', ['account', 'user'])
        .execute();
    },
  },
  '0002-gate': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('switches')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('by_whom', 'text', (column) => column.notNull())
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('lifted', 'text')
        .addColumn('lifted_at', 'bigint')
        .execute();
      await db.schema
        .createTable('uses')
        .addColumn('agent', 'text', (column) => column.notNull())
        .addColumn('granted', 'text', (column) => column.notNull())
        .addColumn('step_key', 'text', (column) => column.notNull())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('uses_pk', ['agent', 'granted', 'step_key'])
        .execute();
      await db.schema.createIndex('uses_by_time').on('uses').columns(['agent', 'granted', 'at']).execute();
    },
  },
  '0003-sweeps': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('sweeps')
        .addColumn('account', 'text', (column) => column.primaryKey())
        .addColumn('sweep', 'bigint', (column) => column.notNull())
        .addColumn('notes_until', 'bigint')
        .addColumn('orders', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('swept')
        .addColumn('account', 'text', (column) => column.notNull())
        .addColumn('incident', 'text', (column) => column.notNull())
        .addColumn('sweep', 'bigint', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('service', 'text')
        .addColumn('opened_at', 'bigint', (column) => column.notNull())
        .addColumn('state_at', 'bigint', (column) => column.notNull())
        .addColumn('notes_at', 'bigint')
        .addPrimaryKeyConstraint('swept_pk', ['account', 'sweep', 'incident'])
        .execute();
    },
  },
  '0004-bearers': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('bearers')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('agent', 'text', (column) => column.notNull())
        .addColumn('hash', 'text', (column) => column.notNull())
        .addColumn('made_at', 'text', (column) => column.notNull())
        .addColumn('by_whom', 'text', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .addColumn('revoked', 'text')
        .execute();
    },
  },
};
