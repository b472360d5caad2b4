import { type ColumnDataType, type CreateTableBuilder, type Kysely, type RawBuilder, sql } from 'kysely';
import { StoreUnfit } from './store-away.ts';

/** How a database names the types that the tables need. */
export interface ColumnTypes {
  readonly text: 'text' | RawBuilder<unknown>;
  /** A number that may outgrow 32 bits and is a key. */
  readonly key: 'integer' | 'bigint';
}

/** What each database does in its own way when tables are made. */
export interface Tables {
  readonly types: ColumnTypes;
  /** Whether there are tables of ours at all. */
  readonly exist: (db: Kysely<unknown>) => Promise<boolean>;
  /** Makes others who would change the tables wait, until the transaction ends. */
  readonly lock: (tx: Kysely<unknown>) => Promise<void>;
  /** Whether an error says that this user may not change tables. */
  readonly isRefusal: (error: unknown) => boolean;
}

interface Applied {
  kysely_migration: { name: string; timestamp: string };
}

/**
 * Brings the tables up to date; several processes may do so at once. Looks before it writes, so that a user who may not change
 * tables can work with those that are current.
 * @throws StoreUnfit where the tables are of a newer program, or older and not this user's to change.
 */
export async function bringUpToDate(db: Kysely<unknown>, tables: Tables): Promise<void> {
  const missing = await missingIn(db, tables);
  if (missing.length === 0) return;
  try {
    await db.transaction().execute(async (tx) => {
      await tables.lock(tx);
      await tx.schema
        .createTable('kysely_migration')
        .ifNotExists()
        .addColumn('name', 'varchar(255)', (column) => column.primaryKey())
        .addColumn('timestamp', 'varchar(255)', (column) => column.notNull())
        .execute();
      // Whoever held the lock before has made what was missing.
      for (const [name, up] of await missingIn(tx, tables)) {
        await up(tx, tables.types);
        const row = { name, timestamp: new Date().toISOString() };
        await (tx as unknown as Kysely<Applied>).insertInto('kysely_migration').values(row).execute();
      }
    });
  } catch (error) {
    if (!tables.isRefusal(error)) throw error;
    const names = missing.map(([name]) => name).join(', ');
    throw new StoreUnfit(
      `The audit store lacks tables of this version (${names}), and its database user may not make them. ` +
        'Let a user who may open it once, or a Worker start as one (docs/deploy.md).',
      { cause: error },
    );
  }
}

/** The migrations that were not made yet, in their order. */
async function missingIn(
  db: Kysely<unknown>,
  tables: Tables,
): Promise<readonly (readonly [string, Migration])[]> {
  const rows = (await tables.exist(db))
    ? await (db as Kysely<Applied>).selectFrom('kysely_migration').select('name').execute()
    : [];
  const made = new Set(rows.map(({ name }) => name));
  const newer = [...made].filter((name) => !Object.hasOwn(migrations, name)).toSorted();
  if (newer.length > 0)
    throw new StoreUnfit(
      `The audit store was made by a newer version of oncall-runner (it has ${newer.join(', ')}); install that version here.`,
    );
  return Object.entries(migrations).filter(([name]) => !made.has(name));
}

type Migration = (db: Kysely<unknown>, types: ColumnTypes) => Promise<void>;

/**
 * In the order of their making. Programs of the version before go on working while the new ones start, so a migration adds, and
 * takes nothing away that they use.
 */
const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': async (db, { text, key }) => {
    await tableOf(db, 'audit', [
      ['seq', key, 'primary key'],
      ['at', text],
      ['kind', text],
      ['agent', text],
      ['action', text],
      ['decision', text],
      ['workflow_id', text],
      ['incident', text, 'or null'],
      ['record', text],
      ['prev', text],
      ['hash', text],
    ]).execute();
    for (const column of ['at', 'workflow_id', 'incident']) {
      await db.schema.createIndex(`audit_by_${column}`).on('audit').column(column).execute();
    }
    await tableOf(db, 'audit_head', [
      ['id', 'integer', 'primary key'],
      ['seq', key],
      ['hash', text],
    ]).execute();
    await sql`insert into audit_head (id, seq, hash) values (1, 0, '')`.execute(db);
    await tableOf(db, 'steps', [
      ['step_key', text, 'primary key'],
      ['digest', text],
      ['state', text],
      ['entry', key],
      ['entry_hash', text],
      ['sent_at', text],
      ['answer_by', 'bigint'],
      ['lease_until', 'bigint', 'or null'],
      ['result', text, 'or null'],
    ]).execute();
    await tableOf(db, 'leases', [
      ['account', text],
      ['incident', text],
      ['workflow_id', text],
      ['first_run_id', text],
      ['agent', text],
      ['policy', text, 'or null'],
      ['expires_at', 'bigint'],
    ])
      .addPrimaryKeyConstraint('leases_pk', ['account', 'incident'])
      .execute();
    await tableOf(db, 'statements', [
      ['jti', text, 'primary key'],
      ['workflow_id', text],
      ['first_run_id', text],
      ['spent_at', text],
    ]).execute();
    await tableOf(db, 'accounts', [
      ['name', text, 'primary key'],
      ['configuration', text],
      ['seen_at', text],
    ]).execute();
    await tableOf(db, 'our_users', [
      ['account', text],
      ['user', text],
    ])
      .addPrimaryKeyConstraint('our_users_pk', ['account', 'user'])
      .execute();
  },
  '0002-gate': async (db, { text }) => {
    await tableOf(db, 'switches', [
      ['id', text, 'primary key'],
      ['kind', text],
      ['name', text],
      ['at', text],
      ['by_whom', text],
      ['reason', text],
      ['lifted', text, 'or null'],
      ['lifted_at', 'bigint', 'or null'],
    ]).execute();
    await tableOf(db, 'uses', [
      ['agent', text],
      ['granted', text],
      ['step_key', text],
      ['at', 'bigint'],
    ])
      .addPrimaryKeyConstraint('uses_pk', ['agent', 'granted', 'step_key'])
      .execute();
    await db.schema.createIndex('uses_by_time').on('uses').columns(['agent', 'granted', 'at']).execute();
  },
  '0003-sweeps': async (db, { text }) => {
    await tableOf(db, 'sweeps', [
      ['account', text, 'primary key'],
      ['sweep', 'bigint'],
      ['notes_until', 'bigint', 'or null'],
      ['orders', text],
    ]).execute();
    await tableOf(db, 'swept', [
      ['account', text],
      ['incident', text],
      ['sweep', 'bigint'],
      ['state', text],
      ['service', text, 'or null'],
      ['opened_at', 'bigint'],
      ['state_at', 'bigint'],
      ['notes_at', 'bigint', 'or null'],
    ])
      .addPrimaryKeyConstraint('swept_pk', ['account', 'sweep', 'incident'])
      .execute();
  },
  '0004-bearers': async (db, { text }) => {
    await tableOf(db, 'bearers', [
      ['id', text, 'primary key'],
      ['agent', text],
      ['hash', text],
      ['made_at', text],
      ['by_whom', text],
      ['expires_at', 'bigint'],
      ['revoked', text, 'or null'],
    ]).execute();
  },
  '0005-pace': async (db, { text }) => {
    await tableOf(db, 'pace', [
      ['account', text, 'primary key'],
      ['keeper', text],
      ['until', 'bigint'],
      ['memory', text],
    ]).execute();
    await tableOf(db, 'pace_counts', [
      ['account', text],
      ['worker', text],
      ['at', 'bigint'],
      ['counts', text],
    ])
      .addPrimaryKeyConstraint('pace_counts_pk', ['account', 'worker'])
      .execute();
  },
  '0006-shift-changes': async (db, { text }) => {
    await tableOf(db, 'shift_changes', [
      ['account', text],
      ['name', text],
      ['kept', text],
    ])
      .addPrimaryKeyConstraint('shift_changes_pk', ['account', 'name'])
      .execute();
  },
};

/** The names of all migrations, in their order. */
export const migrationNames: readonly string[] = Object.keys(migrations);

type Column = readonly [
  name: string,
  type: ColumnDataType | RawBuilder<unknown>,
  is?: 'primary key' | 'or null',
];

const tableOf = (
  db: Kysely<unknown>,
  name: string,
  columns: readonly Column[],
): CreateTableBuilder<string, string> =>
  columns.reduce<CreateTableBuilder<string, string>>(
    (table, [column, type, is]) =>
      table.addColumn(column, type, (of) =>
        is === 'primary key' ? of.primaryKey() : is === 'or null' ? of : of.notNull(),
      ),
    db.schema.createTable(name),
  );
