import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { test } from '../support/calls.ts';
import { agentIn, expectSame, expectSentence, type Wrong } from './sentences.ts';

describe('the words of a call', () => {
  test.for<Wrong>([
    { args: ['frobnicate'], says: /unknown command 'frobnicate'.*(--help|oncall help)/s },
    { args: ['rum'], says: /unknown command 'rum'.*Did you mean run\?/s },
    { args: ['agents', 'ad', 'bot'], says: /unknown command 'ad'.*Did you mean add\?/s },
    { args: ['demo', '--kep'], says: /unknown option '--kep'.*Did you mean --keep\?/s },
    { args: ['audit', '--agnet', 'x'], says: /unknown option '--agnet'.*Did you mean --agent\?/s },
    { args: ['worker', '--port', '1'], says: /unknown option '--port'/ },
    { args: ['demo', 'now'], says: /too many arguments for 'demo'/ },
    { args: ['agents', 'add', 'a', 'b'], says: /too many arguments for 'add'/ },
    { args: ['agents', 'add'], says: /missing required argument 'name'/ },
    { args: ['run', '--input', '{}'], says: /missing required argument 'workflow'/ },
    { args: ['run', 'triageIncident'], says: /required option '--input <json\|@file>' not specified/ },
    { args: ['run', 'triageIncident', '--input'], says: /option '--input <json\|@file>' argument missing/ },
    { args: ['--config'], says: /option '--config <file>' argument missing/ },
    {
      args: ['run', 'triageIncidnet', '--input', '{}'],
      says: /There is no Workflow triageIncidnet; did you mean triageIncident\?/,
    },
    {
      args: ['run', 'constructor', '--input', '{}'],
      says: /There is no Workflow constructor[.;:] .*triageIncident, acknowledgeIncident, addNote/,
    },
  ])('oncall $args', async ({ args, ...wrong }, { place, call }) => {
    expectSentence(await call(args, { env: agentIn(place) }), wrong);
  });

  test('a process of its own says and gives the same', async ({ place, call }) => {
    await expectSame(place, call, ['agents', 'ad', 'bot']);
    await expectSame(place, call, ['--version']);
  });
});

describe('a port that is none', () => {
  test.for<Omit<Wrong, 'code'>>([
    ...['abc', '0', '70000', '1.5', '-1', '', '7233x'].map((port) => ({
      args: ['temporal', `--port=${port}`],
      says: /--port takes a port from 1 to 65535, not "/,
    })),
    { args: ['temporal', '--ui-port=x'], says: /--ui-port takes a port from 1 to 65535, not "x"/ },
    { args: ['temporal', '--port=65000'], says: /--ui-port/ },
    { args: ['temporal', '--port=41233', '--ui-port=41233'], says: /--port.*--ui-port/ },
    { args: ['dev', '--port=abc'], says: /--port takes a port from 1 to 65535/ },
    { args: ['dev', '--ui-port=70000'], says: /--ui-port takes a port from 1 to 65535/ },
    { args: ['dev', '--webhooks-port=x'], says: /--webhooks-port takes a port from 1 to 65535/ },
    { args: ['webhooks', '--port=70000'], says: /--port takes a port from 1 to 65535/ },
    { args: ['dev', '--simulator-port=-1'], says: /--simulator-port takes a port from 1 to 65535/ },
  ])('oncall $args', async ({ args, says }, { place, call }) => {
    expectSentence(await call(args), { says });
    expect(existsSync(place.home), 'something was made before the words were checked').toBe(false);
  });

  test('a process of its own says and gives the same', ({ place, call }) =>
    expectSame(place, call, ['temporal', '--port=abc']));
});

describe('the audit', () => {
  test('where there is none', async ({ place, call }) => {
    const ended = await call(['audit']);
    expectSentence(ended, { code: 1, says: /^There is no audit in .*home; set ONCALL_HOME to the folder/ });
    expect(existsSync(place.home)).toBe(false);
  });
  test.for(['0', '-1', '1.5', 'many', '', '10001'])('--limit=%s', async (limit, { call }) => {
    const ended = await call(['audit', `--limit=${limit}`]);
    expectSentence(ended, { says: /--limit takes a whole number from 1 to 10000/ });
  });
  test.for(['yesterdayish', '30x', '5', '-3h', '2026-13-45T00:00:00Z', '99999999999999d', ''])(
    '--since=%s',
    async (since, { call }) => {
      const ended = await call(['audit', `--since=${since}`]);
      expectSentence(ended, { says: /--since takes a time such as .* or an age such as 30m/ });
    },
  );
  test('that is no audit', async ({ place }) => {
    mkdirSync(place.home);
    writeFileSync(join(place.home, 'audit.db'), 'x'.repeat(8_192));
    const ended = await place.oncall(['audit']).ended;
    expectSentence(ended, { code: 1, says: /audit store .*audit\.db cannot be opened/ });
  });
});

// The simulator reads its own words, in a process of its own; test/unit/simulator-flags.test.ts has the others.
describe.concurrent('the simulator', () => {
  test.for<Wrong>([
    { args: ['--prot', '1'], says: /^Unknown option '--prot'.*--help/ },
    {
      args: ['--port=abc'],
      says: /'--port <n>' argument 'abc' is invalid: it must be a port, from 0 to 65535/,
    },
  ])('$args', async ({ args, says }, { place }) => {
    expectSentence(await place.oncall(['simulator', ...args]).ended, { says });
    expect(existsSync(place.home), 'something was made before the words were checked').toBe(false);
  });
});
