import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from '../../client/file-lock.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'oncall-lock-'));
  file = join(folder, 'oncall.yaml');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const locked = (holder: string): void => writeFileSync(`${file}.lock`, holder);
const left = (): readonly string[] => readdirSync(folder);

test('who comes second waits until the first has done its work', async () => {
  locked(`${hostname()} ${process.pid} first`);
  const second = withLock(file, () => left());
  setTimeout(() => rmSync(`${file}.lock`), 100);
  expect(await second).toEqual(['oncall.yaml.lock']);
  expect(left()).toEqual([]);
});

test('a lock whose holder was killed is taken over, also by many at once, who then follow one another', async () => {
  const { pid } = spawnSync(process.execPath, ['--version']);
  locked(`${hostname()} ${pid} dead`);
  let most = 0;
  await Promise.all(
    Array.from({ length: 8 }, () =>
      withLock(file, () => {
        most = Math.max(most, left().length);
      }),
    ),
  );
  expect(most).toBe(1);
  expect(left()).toEqual([]);
});

test('the lock is gone after work that fails', async () => {
  const work = withLock(file, () => {
    throw new Error('no');
  });
  await expect(work).rejects.toThrow('no');
  expect(left()).toEqual([]);
});

test('a lock of another machine is not ours to break: after a while its file is named', async () => {
  locked(`elsewhere 1 other`);
  await expect(withLock(file, () => 'done', 100)).rejects.toThrow(/Another call holds .*oncall\.yaml\.lock/);
  expect(left()).toEqual(['oncall.yaml.lock']);
});

test('in a folder that does not exist', async () => {
  const work = withLock(join(folder, 'no', 'oncall.yaml'), () => 'done');
  await expect(work).rejects.toThrow(/oncall\.yaml\.lock cannot be made; its folder must be writable\./);
});
