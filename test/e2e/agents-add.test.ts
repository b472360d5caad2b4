import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { parse } from 'yaml';
import { test } from '../support/calls.ts';
import type { Place } from '../support/processes.ts';
import { configuration, expectSentence } from './sentences.ts';

describe('agents add', () => {
  /** Checks that a refusal changed nothing. */
  const expectUntouched = (place: Place, text: string | undefined): void => {
    if (text === undefined) expect(existsSync(place.configFile)).toBe(false);
    else expect(readFileSync(place.configFile, 'utf8')).toBe(text);
    expect(existsSync(join(place.home, 'keys')) ? readdirSync(join(place.home, 'keys')) : []).toEqual([]);
  };

  test.for(['Bad Name', '../x', 'x'.repeat(41), '', '7up', '__proto__', 'b\u200bot'])(
    'a bad name: %j',
    async (name, { place, call }) => {
      const text = configuration();
      writeFileSync(place.configFile, text);
      const ended = await call(['agents', 'add', '--', name]);
      expectSentence(ended, { says: /cannot be the name of an agent: .*such as triage-bot\./ });
      expectUntouched(place, text);
    },
  );

  test('a name that exists', async ({ place, call }) => {
    const text = configuration();
    writeFileSync(place.configFile, text);
    const ended = await call(['agents', 'add', 'triage-bot']);
    expectSentence(ended, { code: 1, says: /has an agent triage-bot already; nothing was changed/ });
    expectUntouched(place, text);
  });

  test('a key file that exists', async ({ place, call }) => {
    const text = configuration();
    const keyFile = join(place.folder, 'precious.pem');
    writeFileSync(place.configFile, text);
    writeFileSync(keyFile, 'precious');
    const ended = await call(['agents', 'add', 'new-bot', '--key-file', keyFile]);
    expectSentence(ended, { code: 1, says: /precious\.pem exists already .* another file with --key-file/ });
    expectUntouched(place, text);
    expect(readFileSync(keyFile, 'utf8')).toBe('precious');
  });

  test('a key file that cannot be written', async ({ place, call }) => {
    const text = configuration();
    writeFileSync(place.configFile, text);
    const ended = await call(['agents', 'add', 'new-bot', '--key-file', 'oncall.yaml/x.pem']);
    expectSentence(ended, { code: 1, says: /cannot be written; name another with --key-file/ });
    expectUntouched(place, text);
  });

  test('no oncall.yaml', async ({ place, call }) => {
    const ended = await call(['agents', 'add', 'new-bot']);
    expectSentence(ended, { code: 1, says: /oncall\.yaml cannot be read\. .*ONCALL_CONFIG/ });
    expectUntouched(place, undefined);
  });

  test('a broken oncall.yaml', async ({ place, call }) => {
    const text = configuration().replace('region: us', 'region: mars');
    writeFileSync(place.configFile, text);
    const ended = await call(['agents', 'add', 'new-bot']);
    expectSentence(ended, {
      code: 1,
      says: /Mend the configuration first; nothing was changed\.\n.*oncall\.yaml:4:\d+: /,
    });
    expectUntouched(place, text);
  });

  const added = /\n {2}new-bot:\n {4}public_key: \S{43}\n {4}grants: \{\}(?=\n)/;

  test('keeps the comments and the order, and its key to its owner', async ({ place, call }) => {
    const text = configuration();
    writeFileSync(place.configFile, text, { mode: 0o640 });
    const ended = await call(['agents', 'add', 'new-bot', '--json']);
    expect(ended, ended.stderr).toMatchObject({ code: 0, stderr: '' });
    const written = JSON.parse(ended.stdout) as { agent: string; keyFile: string };
    expect(written).toMatchObject({ agent: 'new-bot', keyFile: join(place.home, 'keys', 'new-bot.pem') });
    expect(statSync(written.keyFile).mode & 0o777).toBe(0o600);
    expect(statSync(join(place.home, 'keys')).mode & 0o777).toBe(0o700);
    expect(statSync(place.configFile).mode & 0o777).toBe(0o640);
    const after = readFileSync(place.configFile, 'utf8');
    expect(after).toMatch(added);
    const words = (yaml: string): string => yaml.replace(/\s+/g, '');
    expect(words(after.replace(added, ''))).toEqual(words(text));
    expect(Object.keys(parse(after).agents)).toEqual(['zoe-bot', 'triage-bot', 'new-bot']);
    const { 'new-bot': fresh, ...others } = parse(after).agents;
    expect(fresh).toEqual({ public_key: expect.any(String), grants: {} });
    expect(others).toEqual(parse(text).agents);
    // No half-written file is left beside it.
    expect(readdirSync(place.folder).filter((name) => name.startsWith('oncall.yaml'))).toEqual([
      'oncall.yaml',
    ]);
  });

  test('changes nothing but the lines it adds: people review this file', async ({ place, call }) => {
    const text = configuration();
    writeFileSync(place.configFile, text);
    expect((await call(['agents', 'add', 'new-bot'])).code).toBe(0);
    expect(readFileSync(place.configFile, 'utf8').replace(added, '')).toBe(text);
  });

  test('of four agents at the same moment loses none', async ({ place }) => {
    writeFileSync(place.configFile, configuration());
    const names = ['bot-a', 'bot-b', 'bot-c', 'bot-d'];
    const ends = await Promise.all(names.map((name) => place.oncall(['agents', 'add', name]).ended));
    expect(ends.map(({ code, stderr }) => [code, stderr])).toEqual(names.map(() => [0, '']));
    const { agents } = parse(readFileSync(place.configFile, 'utf8'));
    expect(Object.keys(agents).toSorted()).toEqual([...names, 'triage-bot', 'zoe-bot']);
  });
});
