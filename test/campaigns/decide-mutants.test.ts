import { expect, test } from 'vitest';
import { fatesOf, faultyGates, killerOf, seed, sources } from '../support/faulty-gate.ts';
import { mutants } from '../support/mutants.ts';

const faults = mutants.map(({ what, text, becomes }) => {
  const [path = '', source = ''] = [...sources].find(([, one]) => one.includes(text)) ?? [];
  return { what, path, text: source.replace(text, () => becomes) };
});

test('each fault has one place in the gate’s sources, so that none is planted in vain', () => {
  const misplaced = mutants.filter(({ text, becomes }) => {
    const places = [...sources.values()].map((source) => source.split(text).length - 1);
    return text === becomes || places.reduce((sum, count) => sum + count, 0) !== 1;
  });
  expect(misplaced.map(({ what, text }) => `${what}: ${text}`)).toEqual([]);
  expect(new Set(mutants.map(({ text, becomes }) => text + becomes)).size).toBe(mutants.length);
  expect(mutants.length).toBeGreaterThanOrEqual(60);
});

test('the gate without a fault passes both proofs', async () => {
  const { gateWith, clear } = faultyGates();
  try {
    expect(killerOf(await gateWith())).toBeUndefined();
  } finally {
    clear();
  }
});

test('every fault turns a proof red', async () => {
  const { told, survived } = await fatesOf(faults);
  process.stdout.write(`seed ${seed}, faults of other kinds: ${told}\n`);
  expect(survived).toEqual([]);
});
