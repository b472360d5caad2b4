import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { list } from '../../gate/audit.ts';
import { StoreAway } from '../../gate/audit-store.ts';
import { carryOver, journal } from '../../gate/release-journal.ts';
import { record, temporaryFolder, temporaryStore } from './temporary-store.ts';

const store = temporaryStore();
const folder = temporaryFolder();
const file = (): string => join(folder(), 'home', 'releases.jsonl');
const written = async () => (await list(store(), { limit: 100 })).map(({ step, at }) => [step, at] as const);
const steps = async () => (await written()).map(([step]) => step);

test('what was written while the store was away comes over once, in order, with its own time', async () => {
  journal(file(), record({ step: 'one' }));
  journal(file(), record({ step: 'two' }));
  const [first, second] = readFileSync(file(), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { at: string });
  expect(await carryOver(store(), file())).toBe(2);
  expect(await written()).toEqual([
    ['one', first?.at],
    ['two', second?.at],
  ]);
  expect(await carryOver(store(), file())).toBe(0);
  expect(await steps()).toEqual(['one', 'two']);
  expect(readdirSync(join(folder(), 'home'))).toEqual([]);
});

test('a long file comes over whole, a part at a time', async () => {
  const all = Array.from({ length: 120 }, (_, index) => `release ${index}`);
  for (const step of all) journal(file(), record({ step }));
  expect(await carryOver(store(), file())).toBe(120);
  expect((await list(store(), { limit: 1_000 })).map(({ step }) => step)).toEqual(all);
});

test('only its owner reads the file', () => {
  journal(file(), record());
  expect(statSync(file()).mode & 0o777).toBe(0o600);
});

test('no file, an empty file and no folder are nothing to carry', async () => {
  expect(await carryOver(store(), file())).toBe(0);
  journal(file(), record());
  writeFileSync(file(), '');
  expect(await carryOver(store(), file())).toBe(0);
  expect(await steps()).toEqual([]);
});

test('what a Worker left half carried is taken up, beside what was written since', async () => {
  journal(file(), record({ step: 'left lying' }));
  renameSync(file(), `${file()}.4711.carried`);
  journal(file(), record({ step: 'since' }));
  expect(await carryOver(store(), file())).toBe(2);
  expect((await steps()).toSorted()).toEqual(['left lying', 'since']);
  expect(readdirSync(join(folder(), 'home'))).toEqual([]);
});

test('what an earlier try of this very process left lying is not overwritten', async () => {
  journal(file(), record({ step: 'left lying' }));
  renameSync(file(), `${file()}.${process.pid}.carried`);
  journal(file(), record({ step: 'since' }));
  expect(await carryOver(store(), file())).toBe(2);
  expect((await steps()).toSorted()).toEqual(['left lying', 'since']);
});

test('another file beside it is left alone', async () => {
  journal(file(), record());
  const beside = join(folder(), 'home', 'other.jsonl.1.carried');
  writeFileSync(beside, 'not ours');
  expect(await carryOver(store(), file())).toBe(1);
  expect(existsSync(beside)).toBe(true);
});

test('a store that cannot take them leaves them where they are', async () => {
  journal(file(), record({ step: 'kept' }));
  await store().schema.alterTable('audit').renameTo('away').execute();
  await expect(carryOver(store(), file())).rejects.toBeInstanceOf(StoreAway);
  await store().schema.alterTable('away').renameTo('audit').execute();
  expect(await carryOver(store(), file())).toBe(1);
  expect(await steps()).toEqual(['kept']);
});

test('half a line, left by a Worker that died, does not stop the sweep', async () => {
  journal(file(), record({ step: 'whole' }));
  appendFileSync(file(), '{"at":"2026-06-24T10:00:00.000Z","rec');
  await carryOver(store(), file());
  expect(await steps()).toEqual(['whole']);
});

test('two sweeps at once carry each record once', async () => {
  for (const step of ['one', 'two', 'three']) journal(file(), record({ step }));
  await Promise.all([carryOver(store(), file()), carryOver(store(), file())]);
  expect(await steps()).toEqual(['one', 'two', 'three']);
});

test('a file that another sweep removed meanwhile is no error', async () => {
  journal(file(), record());
  rmSync(file());
  await expect(carryOver(store(), file())).resolves.toBe(0);
});
