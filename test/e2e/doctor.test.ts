import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { test } from '../support/calls.ts';
import { configuration, expectSentence, noServer } from './sentences.ts';

/** The command line as it is built, where little is there; what it finds on a whole stage stands in `integration/doctor.test.ts`. */
describe('oncall doctor', () => {
  test('needs neither server nor store nor configuration to say what is wrong', async ({ call }) => {
    const ended = await call(['doctor', '--least-free', '1MB'], { env: noServer });
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    const lines = ended.stdout.trimEnd().split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^configuration: .*cannot be read \(ENOENT\).* Mend: /),
      expect.stringMatching(/^audit store: there is no audit in .* Mend: .*ONCALL_HOME/),
      expect.stringMatching(/^Temporal: no server answers at 127\.0\.0\.1:1\. Mend: .*`oncall temporal`/),
      '3 things are wrong. Looked at this machine, configuration, audit store; could not look at Temporal, Task Queues, builds, standing orders, accounts.',
      expect.stringMatching(/^oncall \S+, Node \d+\S+, Temporal’s SDK \S+, Temporal server unknown$/),
    ]);
  });

  test('mends what is safe with --fix, says what it did, and ends with 5 while something is left', async ({
    place,
    call,
  }) => {
    const key = join(place.home, 'keys', 'triage-bot.pem');
    mkdirSync(join(place.home, 'keys'), { recursive: true });
    writeFileSync(key, 'a key');
    chmodSync(key, 0o644);
    writeFileSync(place.configFile, configuration());
    const env = { ...noServer, PAGERDUTY_API_TOKEN: '' };
    const asked = ['doctor', '--least-free', '1MB', '--json'];
    const before = await call(asked, { env });
    expect(before.code).toBe(1);
    const found = JSON.parse(before.stdout) as { findings: readonly { of: string; fixable: boolean }[] };
    expect(found.findings.filter(({ fixable }) => fixable)).toMatchObject([{ of: 'secrets' }]);
    const mended = await call([...asked, '--fix'], { env });
    expect(mended.code).toBe(5);
    expect(JSON.parse(mended.stdout)).toMatchObject({
      mended: [expect.stringContaining('is its owner’s alone')],
      findings: found.findings.filter(({ fixable }) => !fixable),
    });
    expect((await call([...asked, '--fix'], { env })).code).toBe(1);
  });

  test.for<readonly [args: readonly string[], says: RegExp]>([
    [['--least-free', 'much'], /--least-free takes a size such as 500MB or 2GB/],
    [['--receiver', 'here'], /--receiver takes the address of our receiver/],
  ])('refuses %j', async ([args, says], { call }) => {
    expectSentence(await call(['doctor', ...args], { env: noServer }), { says });
  });
});
