import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { describe, expect, inject, test } from 'vitest';
import { lastGoodAccounts } from '../../gate/accounts.ts';
import { append, list, write } from '../../gate/audit.ts';
import {
  ofPeople,
  openStore,
  type Store,
  StoreAway,
  StoreUnfit,
  storeFile,
  transact,
  withStore,
} from '../../gate/audit-store.ts';
import { buildGate } from './built-gate.ts';
import { record, temporaryFolder, temporaryPlace, temporaryStore } from './temporary-store.ts';

const onPostgres = inject('postgres') !== undefined;

/** Every record's hash is the digest of the one before and its own text, and the head is the last. */
async function expectUnbroken(store: Store, length: number): Promise<void> {
  const rows = await store.selectFrom('audit').selectAll().orderBy('seq').execute();
  expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length }, (_, index) => index + 1));
  let prev = '';
  for (const row of rows) {
    expect(row.prev).toBe(prev);
    expect(row.hash).toBe(createHash('sha256').update(`${prev}\n${row.record}`).digest('hex'));
    prev = row.hash;
  }
  expect(await store.selectFrom('audit_head').selectAll().execute()).toEqual([
    { id: 1, seq: length, hash: prev },
  ]);
}

describe('the chain', () => {
  const store = temporaryStore();

  test('goes on from record to record, over transactions of one and of several', async () => {
    await expectUnbroken(store(), 0);
    const first = await write(store(), record());
    const [second, third] = await transact(store(), (tx) =>
      append(tx, [record({ step: 'two' }), record({ step: 'three' })]),
    );
    expect([first.seq, second?.seq, third?.seq]).toEqual([1, 2, 3]);
    await expectUnbroken(store(), 3);
    const hashes = (await store().selectFrom('audit').select('hash').execute()).map(({ hash }) => hash);
    expect(hashes).toEqual([first.hash, second?.hash, third?.hash]);
  });

  test('holds what was written, its number and its time, with the keys in order', async () => {
    const at = new Date('2026-06-24T10:00:00.123Z');
    const content = record({ facts: { b: 1, a: [null, 'ü'] }, status: undefined });
    await transact(store(), (tx) => append(tx, [content], at));
    const { record: text, ...row } = await store().selectFrom('audit').selectAll().executeTakeFirstOrThrow();
    const { status: _status, ...written } = content;
    expect(JSON.parse(text)).toEqual({ ...written, seq: 1, at: '2026-06-24T10:00:00.123Z' });
    const keys = Object.keys(JSON.parse(text) as object);
    expect(keys).toEqual(keys.toSorted());
    expect(text).toContain('"facts":{"a":[null,"ü"],"b":1}');
    expect(row).toMatchObject({
      seq: 1,
      at: '2026-06-24T10:00:00.123Z',
      kind: 'entry',
      agent: 'bot',
      action: 'incidents.add_note',
      decision: 'allowed',
      workflow_id: 'note:main:P1',
      incident: 'P1',
    });
  });

  test('has no gap where a transaction was given up', async () => {
    await write(store(), record());
    const lost = transact(store(), async (tx) => {
      await append(tx, [record(), record()]);
      throw new Error('given up');
    });
    await expect(lost).rejects.toThrow('given up');
    expect((await write(store(), record())).seq).toBe(2);
    await expectUnbroken(store(), 2);
  });

  test('stays one where many write at once', async () => {
    await Promise.all(
      Array.from({ length: 40 }, (_, index) => write(store(), record({ step: `step ${index}` }))),
    );
    await expectUnbroken(store(), 40);
  });
});

describe('a store that several open', () => {
  const folder = temporaryFolder();
  const place = temporaryPlace();

  test('is found as it was left', async () => {
    const first = await openStore(place(), ofPeople);
    await write(first, record());
    await first.destroy();
    const again = await openStore(place(), ofPeople);
    await write(again, record());
    await expectUnbroken(again, 2);
    await again.destroy();
  });

  test('keeps one chain where two connections of a process take turns', async () => {
    const [one, two] = [await openStore(place(), ofPeople), await openStore(place(), ofPeople)];
    for (let turn = 0; turn < 10; turn += 1) {
      await write(one, record({ agent: 'one' }));
      await write(two, record({ agent: 'two' }));
    }
    await expectUnbroken(one, 20);
    expect(await list(two, { agent: 'one', limit: 100 })).toHaveLength(10);
    await Promise.all([one.destroy(), two.destroy()]);
  });

  test('keeps one chain where three processes make it and write at once', async () => {
    const program = writingProgram(join(folder(), 'build'));
    const processes = ['one', 'two', 'three'].map((name) =>
      spawn(process.execPath, ['--input-type=module', '-e', program, place(), name, '30'], {
        stdio: 'inherit',
      }),
    );
    const codes = await Promise.all(processes.map(async (child) => (await once(child, 'exit'))[0] as number));
    expect(codes).toEqual([0, 0, 0]);
    const store = await openStore(place(), ofPeople);
    await expectUnbroken(store, 90);
    for (const name of ['one', 'two', 'three']) {
      const steps = (await list(store, { agent: name, limit: 100 })).map(({ step }) => step);
      expect(steps).toEqual(Array.from({ length: 30 }, (_, index) => `step ${index}`));
    }
    await store.destroy();
  });
});

describe('a transaction', () => {
  const store = temporaryStore();

  test('sees what every one before it left, though all begin at once', async () => {
    const seen = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        transact(store(), async (tx) => {
          const { count } = await tx
            .selectFrom('uses')
            .select(({ fn }) => fn.countAll<number>().as('count'))
            .executeTakeFirstOrThrow();
          const use = { agent: 'bot', granted: 'all', step_key: `step ${index}`, at: 1 };
          await tx.insertInto('uses').values(use).execute();
          return count;
        }),
      ),
    );
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  test('without the row that names the last record is no use, and leaves nothing', async () => {
    await transact(store(), (tx) => tx.deleteFrom('audit_head').execute());
    const error = await write(store(), record()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreAway);
    expect(String(error)).toContain('the row that names its last record is gone');
    expect(await list(store(), { limit: 10 })).toEqual([]);
  });

  test('of which one statement failed keeps all the rest or nothing, and says which, whoever goes on as if nothing had been', async () => {
    const spoilt = transact(store(), async (tx) => {
      await append(tx, [record()]);
      const again = { seq: 1, hash: '', prev: '', at: '', kind: '', agent: '', action: '', decision: '' };
      await tx
        .insertInto('audit')
        .values({ ...again, workflow_id: '', record: '', incident: null })
        .execute()
        .catch(() => {});
      await tx.insertInto('accounts').values({ name: 'a', configuration: '{}', seen_at: '' }).execute();
    });
    // SQLite takes back the one statement alone, PostgreSQL all of them: never some.
    const outcome = await spoilt.then(
      () => 'kept',
      (error: unknown) => (error instanceof StoreAway ? 'lost' : 'wrong'),
    );
    const left = [(await list(store(), { limit: 10 })).length, (await lastGoodAccounts(store())).size];
    expect([outcome, ...left]).toEqual(onPostgres ? ['lost', 0, 0] : ['kept', 1, 1]);
  });
});

describe('a file', () => {
  const folder = temporaryFolder();

  test('is made with the folders above it', async () => {
    const file = join(folder(), 'deep', 'below', 'audit.db');
    await (await openStore(file)).destroy();
    expect(existsSync(file)).toBe(true);
  });

  test('of a newer program is not opened, in a sentence that says what to do', async () => {
    const file = storeFile(folder());
    await (await openStore(file)).destroy();
    const newer = new Database(file);
    newer.exec("insert into kysely_migration values ('0999-later', '2030-01-01T00:00:00.000Z')");
    newer.close();
    const error = await openStore(file).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreUnfit);
    expect((error as StoreUnfit).message).toBe(
      'The audit store was made by a newer version of oncall-runner (it has 0999-later); install that version here.',
    );
  });
});

describe('a store that is away', () => {
  const folder = temporaryFolder();
  const file = (): string => storeFile(folder());

  test.each<[string, () => void, RegExp]>([
    ['a folder in place of the file', () => mkdirSync(file()), /: .*(open|directory)/i],
    [
      'a file that is no database',
      () => writeFileSync(file(), 'hello '.repeat(500)),
      /: file is not a database/,
    ],
    [
      'a folder that cannot be made',
      () => writeFileSync(folder().concat('/file'), ''),
      /: .*(EEXIST|ENOTDIR|not a directory|unable to open)/i,
    ],
  ])('because of %s says so in a sentence that names it', async (what, prepare, why) => {
    prepare();
    const where = what.includes('cannot be made') ? join(folder(), 'file', 'audit.db') : file();
    const error = await openStore(where).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreAway);
    const { message } = error as StoreAway;
    expect(message).toMatch(why);
    expect(message.startsWith(`The audit store ${where} cannot be opened: `)).toBe(true);
    expect(message).toMatch(/[^.]\.$/);
  });

  test.skipIf(process.getuid?.() === 0)('because nobody may write it says so', async () => {
    await (await openStore(file())).destroy();
    chmodSync(file(), 0o444);
    chmodSync(folder(), 0o555);
    await expect(openStore(file())).rejects.toBeInstanceOf(StoreAway);
    chmodSync(folder(), 0o755);
  });

  test('because it is damaged says so, at the opening or at the first use', async () => {
    const store = await openStore(file());
    await write(store, record());
    await store.destroy();
    for (const part of readdirSync(folder())) {
      const damaged = readFileSync(join(folder(), part));
      writeFileSync(join(folder(), part), damaged.fill(0xff, 100));
    }
    const use = async (): Promise<void> => {
      const damaged = await openStore(file());
      try {
        await write(damaged, record());
      } finally {
        await damaged.destroy();
      }
    };
    await expect(use()).rejects.toBeInstanceOf(StoreAway);
  });

  test('because somebody holds it says so within seconds, and works again once it is let go', async () => {
    const store = await openStore(file());
    const holder = new Database(file());
    holder.exec('begin immediate');
    const began = performance.now();
    await expect(write(store, record())).rejects.toThrow(
      /^The audit store cannot be used: database is locked\.$/,
    );
    // Two, and what a busy machine adds.
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(await list(store, { limit: 10 })).toEqual([]);
    holder.exec('rollback');
    await write(store, record());
    await expectUnbroken(store, 1);
    holder.close();
    await store.destroy();
  });

  test('is not the excuse for another mistake', async () => {
    const mistake = new TypeError('mine');
    await expect(withStore(() => Promise.reject(mistake))).rejects.toBe(mistake);
  });
});

/** A program that appends to a store. */
function writingProgram(folder: string): string {
  const built = buildGate(folder, ['audit', 'audit-store']);
  return `
    const { ofPeople, openStore } = await import(${built('audit-store')});
    const { write } = await import(${built('audit')});
    const [place, agent, times] = process.argv.slice(1);
    const store = await openStore(place, ofPeople);
    const content = ${JSON.stringify(record())};
    for (let index = 0; index < Number(times); index += 1)
      await write(store, { ...content, agent, step: \`step \${index}\` });
    await store.destroy();`;
}
