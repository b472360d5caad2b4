import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { verifyAudit } from '../../client/audit-verify.ts';
import { append } from '../../gate/audit.ts';
import { type SignedHead, signHead } from '../../gate/audit-head.ts';
import { chainEnd } from '../../gate/audit-rows.ts';
import { ofPeople, openStore, type Store, transact } from '../../gate/audit-store.ts';
import { newKeyPair, readPrivateKey } from '../../gate/statement.ts';
import { migrationNames } from '../../gate/store-migrations.ts';
import { asOwner, createDatabase, dropDatabase, findPostgres, urlOf } from '../support/postgres.ts';
import { checkout } from '../support/processes.ts';
import { record, temporaryFolder, temporaryPlace } from '../unit/temporary-store.ts';

const postgres = inject('postgres')!;
const place = temporaryPlace();
const folder = temporaryFolder();
const auditor = newKeyPair();
const key = readPrivateKey(auditor.privateKey);

let store: Store;
let restored: string;
beforeEach(async () => {
  store = await openStore(place(), ofPeople);
  restored = await createDatabase(postgres);
});
afterEach(async () => {
  await store.destroy();
  await dropDatabase(postgres, restored);
});

const writes = (count: number): Promise<unknown> =>
  transact(store, (tx) =>
    append(
      tx,
      Array.from({ length: count }, (_, index) => record({ step: `step ${index}` })),
    ),
  );
const signedNow = async (): Promise<SignedHead> => {
  const { head } = await chainEnd(store);
  if (!head) throw new Error('The audit has no head.');
  return signHead(head, key);
};

/** Runs the line of docs/deploy.md that begins with a program, on this server and these databases. */
function documented(program: 'pg_dump' | 'pg_restore', database: string): void {
  const page = readFileSync(join(checkout, 'docs', 'deploy.md'), 'utf8');
  const [, words = ''] = new RegExp(`^${program} (.+)$`, 'm').exec(page) ?? [];
  expect(words, `${program} in docs/deploy.md`).toContain('oncall.dump');
  const args = words
    .replaceAll('oncall.dump', join(folder(), 'oncall.dump'))
    .replaceAll('oncall_restored', database);
  execFileSync(join(findPostgres() ?? '', program), args.split(' '), {
    env: {
      ...process.env,
      PGHOST: '127.0.0.1',
      PGPORT: String(postgres.port),
      PGUSER: postgres.owner.name,
      PGPASSWORD: postgres.owner.password,
      PGDATABASE: database,
    },
  });
}

async function verifyRestored(head: SignedHead): Promise<Awaited<ReturnType<typeof verifyAudit>>> {
  const again = await openStore(urlOf(postgres, restored), ofPeople);
  try {
    const heads = { file: 'heads.jsonl', text: JSON.stringify(head), key: createPublicKey(key) };
    return await verifyAudit(again, { say: () => {}, heads });
  } finally {
    await again.destroy();
  }
}

const database = (): string => new URL(place()).pathname.slice(1);

test('a store that was backed up and restored as documented is whole, and its signed head fits', async () => {
  await writes(1_200);
  const head = await signedNow();
  documented('pg_dump', database());
  documented('pg_restore', restored);
  expect(await verifyRestored(head)).toMatchObject({ whole: true, records: 1_200, heads: { last: 1_200 } });
  const [{ count } = {}] = await asOwner(postgres, restored, 'select count(*)::int from kysely_migration');
  expect(count).toBe(migrationNames.length);
});

test('a backup that is taken while many write is whole, and what came after it is missed by the signed head', async () => {
  await writes(500);
  let writing = true;
  const writer = (async () => {
    while (writing) await writes(3);
  })();
  documented('pg_dump', database());
  writing = false;
  await writer;
  await writes(5);
  const head = await signedNow();
  documented('pg_restore', restored);
  const { whole, findings, records } = await verifyRestored(head);
  expect(whole).toBe(false);
  expect(findings).toMatchObject([{ seq: records + 1, sentence: expect.stringContaining('missing') }]);
});
