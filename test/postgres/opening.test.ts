import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { verifyAudit } from '../../client/audit-verify.ts';
import { write } from '../../gate/audit.ts';
import {
  ofPeople,
  openStore,
  type Store,
  StoreAway,
  StoreUnfit,
  storePlace,
  transact,
} from '../../gate/audit-store.ts';
import { claims } from '../../gate/audit-witness.ts';
import { migrationNames } from '../../gate/store-migrations.ts';
import { storeTemplate } from '../support/global-postgres.ts';
import { asOwner, createDatabase, dropDatabase, type PostgresUser, urlOf } from '../support/postgres.ts';
import { findSecrets } from '../support/secrets.ts';
import { buildGate } from '../unit/built-gate.ts';
import { record, temporaryFolder } from '../unit/temporary-store.ts';

const postgres = inject('postgres')!;
const folder = temporaryFolder();
let database: string;
beforeEach(async () => {
  database = await createDatabase(postgres);
});
afterEach(() => dropDatabase(postgres, database));

const as = (user: PostgresUser, query = '', host?: string): string =>
  `${urlOf(postgres, database, user, host)}${query}`;
const owner = (query = ''): string => as(postgres.owner, query);
const sql = (statement: string) => asOwner(postgres, database, statement);
const migrated = async (): Promise<void> => (await openStore(owner())).destroy();

async function writes(store: Promise<Store>, step = 'one'): Promise<number> {
  const open = await store;
  try {
    return (await write(open, record({ step }))).seq;
  } finally {
    await open.destroy();
  }
}

const refusal = async (store: Promise<Store>): Promise<StoreAway> => {
  const error = await store.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreAway);
  return error as StoreAway;
};

describe('the tables', () => {
  /** So many processes open the store at once, and each writes one record. */
  const atOnce = 8;

  test.each<[string, () => Promise<void>]>([
    ['made once where eight processes open an empty database at once', async () => {}],
    [
      'brought up to date once where eight processes find older ones at once',
      async () => {
        await migrated();
        await sql("drop table switches, uses; delete from kysely_migration where name = '0002-gate'");
      },
    ],
  ])('are %s, and all can write', async (_what, prepare) => {
    await prepare();
    const built = buildGate(join(folder(), 'build'), ['audit', 'audit-store']);
    // As a Worker does: who waited too long for the others, on a busy machine, opens it again.
    const program = `
      const { ofPeople, openStore, StoreAway, StoreUnfit } = await import(${built('audit-store')});
      const { write } = await import(${built('audit')});
      const opened = () => openStore(process.argv[1], ofPeople).catch((error) => {
        if (!(error instanceof StoreAway) || error instanceof StoreUnfit) throw error;
        return opened();
      });
      const store = await opened();
      await write(store, ${JSON.stringify(record())});
      await store.destroy();`;
    const codes = await Promise.all(
      Array.from({ length: atOnce }, async () => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program, owner()], {
          stdio: 'inherit',
        });
        return (await once(child, 'exit'))[0] as number;
      }),
    );
    expect(codes).toEqual(Array.from({ length: atOnce }, () => 0));
    const store = await openStore(owner());
    expect(await verifyAudit(store, { say: () => {} })).toMatchObject({ whole: true, records: atOnce });
    await store.destroy();
    expect((await sql('select name from kysely_migration order by name')).map(({ name }) => name)).toEqual(
      migrationNames,
    );
  });

  test('that are current are opened by a user who may not make any', async () => {
    expect(await writes(openStore(urlOf(postgres, database)))).toBe(1);
    const grants = `grant usage on schema public to oncall_worker; grant select, insert on audit to oncall_worker;
      grant select, update on audit_head to oncall_worker; grant select on kysely_migration to oncall_worker`;
    await sql(grants);
    expect(await writes(openStore(as(postgres.worker)))).toBe(2);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['missing', async () => {}, migrationNames.join(', ')],
    [
      'older',
      async () => {
        await migrated();
        await sql("drop table switches, uses; delete from kysely_migration where name = '0002-gate'");
        await sql('grant select on kysely_migration to oncall_worker');
      },
      '0002-gate',
    ],
  ])(
    'that are %s are told to a user who may not make them, in one sentence',
    async (_how, prepare, names) => {
      await prepare();
      const error = await refusal(openStore(as(postgres.worker)));
      expect(error).toBeInstanceOf(StoreUnfit);
      expect(error.message).toBe(
        `The audit store lacks tables of this version (${names}), and its database user may not make them. ` +
          'Let a user who may open it once, or a Worker start as one (docs/deploy.md).',
      );
      // And then are made by one who may.
      expect(await writes(openStore(owner()))).toBe(1);
    },
  );

  test('of a newer program are left alone, in one sentence', async () => {
    await migrated();
    await sql("insert into kysely_migration values ('0999-later', '2030-01-01T00:00:00.000Z')");
    const error = await refusal(openStore(owner()));
    expect(error).toBeInstanceOf(StoreUnfit);
    expect(error.message).toBe(
      'The audit store was made by a newer version of oncall-runner (it has 0999-later); install that version here.',
    );
  });

  test('of one schema know nothing of those of another', async () => {
    await sql('create schema one; create schema two');
    const inSchema = (name: string) => openStore(owner(`?options=-c%20search_path%3D${name}`));
    expect(await writes(inSchema('one'))).toBe(1);
    expect(await writes(inSchema('one'))).toBe(2);
    expect(await writes(inSchema('two'))).toBe(1);
  });

  test('that are new go beside the old ones, whatever comes first in the search path', async () => {
    await migrated();
    await sql(
      "drop table switches, uses; delete from kysely_migration where name = '0002-gate'; create schema mine",
    );
    expect(await writes(openStore(owner('?options=-c%20search_path%3Dmine%2Cpublic')))).toBe(1);
    expect(await sql("select schemaname from pg_tables where tablename = 'switches'")).toEqual([
      { schemaname: 'public' },
    ]);
  });

  test('hold text that is compared by its bytes, so that no language moves it', async () => {
    expect(await sql("select 'a' < 'B' as by_language")).toEqual([{ by_language: true }]);
    const store = await openStore(owner());
    const columns = await sql(
      `select count(*)::int as texts, count(*) filter (where collation_name = 'C')::int as by_bytes
       from information_schema.columns where table_schema = 'public' and data_type = 'text'`,
    );
    expect(columns[0]?.['texts']).toBeGreaterThan(30);
    expect(columns[0]?.['by_bytes']).toBe(columns[0]?.['texts']);
    const step = { digest: '', state: 'sent', entry: 1, entry_hash: '', sent_at: '', answer_by: 1 } as const;
    const keys = Array.from({ length: 1_500 }, (_, index) => `${index % 2 ? 'a' : 'B'}${index}`);
    const rows = keys.map((step_key) => ({ ...step, step_key, lease_until: null, result: null }));
    await transact(store, (tx) => tx.insertInto('steps').values(rows).execute());
    const seen: string[] = [];
    for await (const page of claims(store)) seen.push(...page.map(({ by }) => by));
    expect(new Set(seen).size).toBe(1_500);
    expect(seen).toHaveLength(1_500);
    await store.destroy();
  });

  test('count beyond 32 bits', async () => {
    await migrated();
    await sql('update audit_head set seq = 5000000000');
    expect(await writes(openStore(owner()))).toBe(5_000_000_001);
  });
});

describe('a connection that cannot be made', () => {
  const half = 'half-of-a-password';
  const nowhere = { name: 'owner', password: half };

  /** Listens, and says to everybody what a PostgreSQL without TLS says. */
  async function withoutTls(): Promise<{ readonly port: number; readonly close: () => void }> {
    const server = createServer((socket) => socket.on('error', () => {}).on('data', () => socket.write('N')));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return { port: (server.address() as AddressInfo).port, close: () => server.close() };
  }

  test.each<[string, () => string | Promise<string>, string]>([
    ['by a wrong password', () => as(nowhere), 'it refuses the user or the password of DATABASE_URL (28P01)'],
    [
      'to a database that is not there',
      () => urlOf(postgres, 'nowhere'),
      'it has no database of the name in DATABASE_URL (3D000)',
    ],
    [
      'to a port where nobody listens',
      () => urlOf({ ...postgres, port: 1 }, database),
      'nobody listens where DATABASE_URL points to (ECONNREFUSED)',
    ],
    [
      'to a host that is not known',
      () => urlOf(postgres, database, postgres.owner, 'no-such-host.invalid'),
      'the host that DATABASE_URL names is not known (ENOTFOUND)',
    ],
    [
      'by a password with a slash that was not escaped',
      () => `postgres://no-such-host.invalid:12/${half}@127.0.0.1/${database}`,
      'the host that DATABASE_URL names is not known (ENOTFOUND)',
    ],
    [
      'by a password with a hash that was not escaped',
      () => `postgres://owner:x#${half}@127.0.0.1/${database}`,
      'DATABASE_URL cannot be read; in a password % is written %25, / %2F, # %23, ? %3F, @ %40 and : %3A (ERR_INVALID_URL)',
    ],
    [
      'by a password with a percent sign that was not escaped',
      () => `postgres://owner:${half}%ff@127.0.0.1/${database}`,
      'DATABASE_URL cannot be read; in a password % is written %25, / %2F, # %23, ? %3F, @ %40 and : %3A',
    ],
    [
      'without the password that is asked for',
      () => `postgres://owner@127.0.0.1:${postgres.port}/${database}`,
      'it asks for a password, and DATABASE_URL has none',
    ],
    [
      'with TLS, to a server whose certificate nobody vouches for',
      () => owner('?sslmode=verify-full'),
      'its TLS certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)',
    ],
    [
      'with TLS, by a certificate file that is not there',
      () => owner(`?sslmode=verify-full&sslrootcert=/nowhere/${half}.pem`),
      'a certificate or key file that DATABASE_URL names cannot be read (ENOENT)',
    ],
  ])('%s is told without a word of the URL', async (_how, url, why) => {
    const place = await url();
    const error = await refusal(openStore(place));
    expect(error.message).toBe(`The audit store on PostgreSQL cannot be opened: ${why}.`);
    const { password } = postgres.owner;
    expect(saidIn(error, [place, half, password, encodeURIComponent(password)])).toEqual([]);
  });

  test('because TLS is asked for and not offered is told so', async () => {
    const server = await withoutTls();
    const url = `${urlOf({ ...postgres, port: server.port }, database)}?sslmode=verify-full`;
    const error = await refusal(openStore(url));
    server.close();
    expect(error.message).toBe(
      'The audit store on PostgreSQL cannot be opened: it offers no TLS, and DATABASE_URL asks for it.',
    );
    expect(saidIn(error, [url, postgres.owner.password])).toEqual([]);
  });

  test('in time is the store being away', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}));
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = silent.address() as AddressInfo;
    const error = await refusal(openStore(urlOf({ ...postgres, port }, database)));
    silent.close();
    expect(error.message).toBe(
      'The audit store on PostgreSQL cannot be opened: no connection was free, or made, in time.',
    );
  });

  test('is found to leak by the very check above, where it does', () => {
    const leaking = new StoreAway('x', { cause: { options: { connectionString: owner() } } });
    expect(saidIn(leaking, [owner()])).toEqual(['a part of the URL stands in the error (as it is)']);
  });

  /** Where one of these stands in the message, or in anything that hangs on the error, in whatever form. */
  function saidIn(error: Error, values: readonly string[]): readonly string[] {
    const all = [error.message, error.stack, inspect(error, { depth: 20, showHidden: true })].join('\n');
    const secrets = values.map((value) => ({ name: 'a part of the URL', value }));
    return findSecrets([{ name: 'the error', bytes: Buffer.from(all) }], secrets);
  }
});

test('with TLS and the certificate that the URL names, a store is like any other', async () => {
  const url = as(postgres.owner, `?sslmode=verify-full&sslrootcert=${postgres.certificate}`, 'localhost');
  const store = await openStore(url, ofPeople);
  await write(store, record());
  const { rows } = await store.executeQuery<{ ssl: boolean }>({
    sql: 'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
    parameters: [],
  } as never);
  expect(rows).toEqual([{ ssl: true }]);
  await store.destroy();
});

test('every store of a test begins like the template, which is migrated, and docs/deploy.md grants what each table needs', async () => {
  const { count } =
    (await asOwner(postgres, storeTemplate, 'select count(*)::int from kysely_migration'))[0] ?? {};
  expect(count).toBe(migrationNames.length);
  const hidden = await asOwner(
    postgres,
    storeTemplate,
    `select tablename from pg_tables where schemaname = 'public'
     and not has_table_privilege('${postgres.worker.name}', format('%I.%I', schemaname, tablename), 'select')`,
  );
  expect(hidden).toEqual([]);
});

describe('DATABASE_URL', () => {
  test.each(['mysql://u:secret@h/d', 'db.example.com', 'postgres:/u:secret@h/d', '/var/run/postgresql'])(
    'that is none of PostgreSQL’s (%s) is refused, and not repeated',
    (url) => {
      expect(() => storePlace('/home', url)).toThrow(
        new StoreUnfit(
          'DATABASE_URL must begin with postgres:// or postgresql://; without it the audit store is a file.',
        ),
      );
    },
  );

  test.each<[string | undefined, string]>([
    [undefined, join('/home', 'audit.db')],
    ['', join('/home', 'audit.db')],
    [' postgres://h/d\n', 'postgres://h/d'],
    ['postgresql://h/d', 'postgresql://h/d'],
  ])('%j means %s', (url, place) => {
    expect(storePlace('/home', url)).toBe(place);
  });
});
