import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { policySource } from '../../gate/policy-source.ts';
import { account, granting } from './configurations.ts';
import { temporaryFolder } from './temporary-store.ts';

const folder = temporaryFolder();
const file = (): string => join(folder(), 'oncall.yaml');

test('holds as it is at each look: changed, broken, mended, removed', () => {
  writeFileSync(file(), granting('incidents: read'));
  const look = policySource(file());
  const level = (): unknown => {
    const state = look();
    if (!state.readable) return state.sentence;
    return state.policy.agents.get('bot')?.grants.get('incidents')?.level;
  };
  expect(level()).toBe('read');
  writeFileSync(file(), granting('incidents: off'));
  expect(level()).toBe('off');
  writeFileSync(file(), granting('incidents: offf'));
  expect(level()).toBe(`${file()}:7:7: agents.bot.grants.incidents: a level is off, read or full`);
  expect(level()).toContain('a level is off');
  writeFileSync(file(), granting('incidents: read'));
  expect(level()).toBe('read');
  rmSync(file());
  expect(level()).toContain(`The configuration ${file()} cannot be read (ENOENT)`);
  writeFileSync(file(), granting('incidents: off'));
  expect(level()).toBe('off');
});

test('is parsed once as long as it stays the same', () => {
  writeFileSync(file(), account);
  const look = policySource(file());
  expect(look()).toBe(look());
  writeFileSync(file(), account);
  expect(look()).toBe(look());
});

test('that is a folder, or was never there, cannot be read', () => {
  expect(policySource(folder())()).toEqual({
    readable: false,
    sentence: expect.stringContaining(`The configuration ${folder()} cannot be read (EISDIR)`),
  });
  expect(policySource(file())()).toMatchObject({ readable: false });
});

test('never throws, whatever stands in it', () => {
  const look = policySource(file());
  for (const text of [
    '\u0000',
    '%',
    '[',
    '*x',
    '&a [*a, *a]',
    '? [a]: b',
    '!!binary x',
    '<<: *x',
    '\uFEFF{}',
  ]) {
    writeFileSync(file(), text);
    expect(look()).toHaveProperty('readable');
  }
});
