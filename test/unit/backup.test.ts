import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { expect, test } from 'vitest';
import { verifyAudit } from '../../client/audit-verify.ts';
import { write } from '../../gate/audit.ts';
import { openStore, storeFile } from '../../gate/audit-store.ts';
import { record, temporaryFolder } from './temporary-store.ts';

const folder = temporaryFolder();

test('an audit in a file that was copied as documented, while it was written to, is whole where it is restored', async () => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/deploy.md', import.meta.url)), 'utf8');
  const [, statement = ''] = /^sqlite3 \S+ "(vacuum into .+)"$/m.exec(page) ?? [];
  const home = folder();
  const file = storeFile(home);
  const copy = join(home, 'copy.db');
  const store = await openStore(file);
  for (let index = 0; index < 50; index += 1) await write(store, record({ step: `step ${index}` }));
  // What was written last stands beside the file.
  expect(existsSync(`${file}-wal`)).toBe(true);
  const other = new Database(file);
  const writing = write(store, record({ step: 'meanwhile' }));
  other.exec(statement.replace('/backup/audit.db', copy));
  other.close();
  await writing;
  await store.destroy();

  for (const ending of ['', '-wal', '-shm']) rmSync(`${file}${ending}`, { force: true });
  copyFileSync(copy, file);
  const restored = await openStore(file);
  const verified = await verifyAudit(restored, { say: () => {} });
  expect(verified).toMatchObject({ whole: true });
  expect(verified.records).toBeGreaterThanOrEqual(50);
  // And goes on.
  expect((await write(restored, record({ step: 'after' }))).seq).toBe(verified.records + 1);
  await restored.destroy();
});
