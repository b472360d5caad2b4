import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { newKeyPair } from '../../gate/statement.ts';
import { test } from '../support/calls.ts';
import {
  agentIn,
  configuration,
  expectSame,
  expectSentence,
  noServer,
  subject,
  triage,
} from './sentences.ts';

describe('an input that is not right is told before anything is asked', () => {
  const zeroWidth = 'PABC\u200b123';
  test.for<readonly [what: string, workflow: string, input: unknown, says: RegExp]>([
    ['not JSON', 'triageIncident', '{account: main}', /--input is not JSON .*give an object, or @FILE\./],
    ['empty', 'triageIncident', '', /--input is not JSON .*give an object, or @FILE\./],
    ['a list', 'triageIncident', [subject], /right: the input: /],
    ['a number', 'triageIncident', '7', /right: the input: /],
    ['null', 'triageIncident', 'null', /right: the input: /],
    ['a missing file', 'triageIncident', '@no/such.json', /input file no\/such\.json cannot be read/],
    ['a folder', 'triageIncident', '@.', /input file \. cannot be read/],
    [
      'an unknown field',
      'triageIncident',
      { ...subject, incidnet: 'P1' },
      /incidnet: no such field \(did you mean incident\?\); there are account, /,
    ],
    ['a missing field', 'triageIncident', { account: 'main' }, /right: incident: is missing\./],
    ['nothing', 'triageIncident', {}, /right: account: .*; incident: /],
    ['a wrong type', 'triageIncident', { ...subject, reason: 7 }, /right: reason: /],
    ['another agent', 'triageIncident', { ...subject, agent: 'lead' }, /agent: no such field/],
    ['a prototype', 'triageIncident', '{"__proto__":{"account":"main"},"incident":"P1"}', /account/],
    ['a long reason', 'triageIncident', { ...subject, reason: 'x'.repeat(501) }, /reason: .*500/],
    ['a long note', 'addNote', { ...subject, note: 'x'.repeat(20_001) }, /note: .*20000/],
    ['an empty note', 'addNote', { ...subject, note: ' \n' }, /note: /],
    ['a word that is none', 'respondToIncident', { ...subject, assess: 'me' }, /assess: .*"rules"\|"client"/],
    [
      'no time at all',
      'respondToIncident',
      { ...subject, assess: 'client', presenceSeconds: 0 },
      /presenceSeconds: .*1/,
    ],
    ['a name with capitals', 'triageIncident', { ...subject, account: 'Main' }, /account: .*such as main/],
    ...(['12', '#12', 12] as const).map(
      (incident) =>
        [
          `as incident the number ${JSON.stringify(incident)}`,
          'addNote',
          { account: 'main', incident, note: 'Hello.' },
          /right: incident: an incident goes by its id, such as PABC123, not by its number: `oncall why NUMBER` tells the id\.$/m,
        ] as const,
    ),
    ...(
      [
        ['a path', '../x'],
        ['an escaped path', '..%2Fx'],
        ['a zero-width space', zeroWidth],
        ['a new line', 'PABC\n'],
        ['an empty text', ''],
        ['10 kB', 'P'.repeat(10_240)],
        ['41 letters', 'P'.repeat(41)],
      ] as const
    ).map(
      ([what, incident]) =>
        [
          `as incident ${what}`,
          'triageIncident',
          { account: 'main', incident },
          /incident: a PagerDuty id is letters and digits, such as PABC123/,
        ] as const,
    ),
  ])('%s', async ([, workflow, input, says], { place, call }) => {
    const text = typeof input === 'string' ? input : JSON.stringify(input);
    const ended = await call(['run', workflow, '--input', text], { env: agentIn(place) });
    expectSentence(ended, { says });
    expect(ended.stderr).not.toContain('\u200b');
  });

  test.for(['', 'k'.repeat(2_048), 'ü'.repeat(500)])(
    'a key that is no key: %s',
    async (key, { place, call }) => {
      const input = JSON.stringify({ ...subject, note: 'Hello.' });
      const args = ['run', 'addNote', '--input', input, '--key', key];
      const says = /--key\) takes from 1 to 982 bytes, not (0|2048|1000)\./;
      expectSentence(await call(args, { env: agentIn(place) }), { says });
    },
  );

  test('an input file that holds no JSON', async ({ place, call }) => {
    writeFileSync(join(place.folder, 'input.json'), '{"account": ');
    const ended = await call(triage('@input.json'), { env: agentIn(place) });
    expectSentence(ended, { says: /not JSON/ });
  });

  test('a process of its own says and gives the same', ({ place, call }) =>
    expectSame(place, call, triage({ ...subject, incidnet: 'P1' }), agentIn(place)));
});

describe('an agent that cannot sign', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ed = generateKeyPairSync('ed25519');
  const keys: Readonly<Record<string, string | undefined>> = {
    'that is missing': undefined,
    'of garbage': 'my-sekret\n',
    'that is empty': '',
    'of RSA': rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'of a public key': ed.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    'under a passphrase': ed.privateKey
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'my-sekret' })
      .toString(),
    'cut in half': newKeyPair().privateKey.slice(0, 60),
  };
  test.for(Object.entries(keys))('a key file %s', async ([, content], { place, call }) => {
    const keyFile = join(place.folder, 'key.pem');
    if (content !== undefined) writeFileSync(keyFile, content);
    const env = { ...noServer, ONCALL_AGENT: 'triage-bot', ONCALL_AGENT_KEY_FILE: keyFile };
    const ended = await call(triage(subject), { env });
    const says =
      content === undefined
        ? /key\.pem of triage-bot cannot be read; ONCALL_AGENT_KEY_FILE must name the file/
        : /key\.pem holds no Ed25519 private key; make one with `oncall agents add triage-bot`/;
    expectSentence(ended, { says });
    expect(ended.stderr).not.toMatch(/sekret|BEGIN/);
  });

  test('a key file that cannot be read', async ({ place, call }) => {
    // A folder: also root cannot read it.
    const env = { ...noServer, ONCALL_AGENT: 'triage-bot', ONCALL_AGENT_KEY_FILE: place.folder };
    const ended = await call(triage(subject), { env });
    expectSentence(ended, { says: /of triage-bot cannot be read; ONCALL_AGENT_KEY_FILE must name/ });
  });

  test('no ONCALL_AGENT', async ({ call }) => {
    const ended = await call(triage(subject), { env: noServer });
    expectSentence(ended, { says: /^No agent is named: set ONCALL_AGENT to .* ONCALL_AGENT_KEY_FILE/ });
  });

  test('no ONCALL_AGENT_KEY_FILE', async ({ call }) => {
    const env = { ...noServer, ONCALL_AGENT: 'triage-bot' };
    const ended = await call(triage(subject), { env });
    expectSentence(ended, { says: /Set ONCALL_AGENT_KEY_FILE to the file that `oncall agents add/ });
  });

  test('a name that the configuration has not, but almost', async ({ place, call }) => {
    writeFileSync(place.configFile, configuration());
    const ended = await call(triage(subject), { env: agentIn(place, 'triage-bto') });
    expectSentence(ended, { says: /knows no agent triage-bto; did you mean triage-bot\?/ });
  });

  test('a name that is like no other', async ({ place, call }) => {
    writeFileSync(place.configFile, configuration());
    const ended = await call(triage(subject), { env: agentIn(place, 'stranger') });
    expectSentence(ended, { says: /knows no agent stranger; add it with `oncall agents add stranger`\./ });
  });
});

describe('a configuration that is broken', () => {
  const line = (number: number, says: string): RegExp => new RegExp(`oncall\\.yaml:${number}:\\d+: ${says}`);
  test.for<readonly [what: string, change: readonly [string, string], says: RegExp]>([
    ['a word that is none', ['region: us', 'region: mars'], line(4, 'accounts\\.main\\.region: .*us.*eu')],
    ['a misspelt key', ['token:', 'tokne:'], line(5, 'accounts\\.main\\.tokne: no such key')],
    [
      'a secret',
      ['env:PAGERDUTY_API_TOKEN', 'u+my-sekret'],
      line(5, '.*token: a secret is named, never written'),
    ],
    ['a bracket too few', ['CHECKOUT_ROUTING_KEY }', 'CHECKOUT_ROUTING_KEY'], line(9, 'this is not YAML')],
    ['the same agent twice', ['zoe-bot:', 'triage-bot:'], line(15, 'this is not YAML')],
  ])('%s: its line is named', async ([, [from, to], says], { place, call }) => {
    const text = configuration();
    expect(text).toContain(from);
    writeFileSync(place.configFile, text.replace(from, to));
    const ended = await call(triage(subject), { env: agentIn(place) });
    expectSentence(ended, { code: 1, says });
    expect(ended.stderr).not.toContain('sekret');
  });

  test('a profile file of Temporal that has no profile', async ({ place, call }) => {
    writeFileSync(join(place.folder, 'temporal.toml'), '');
    const ended = await call(triage(subject), { env: agentIn(place) });
    expectSentence(ended, { code: 1, says: /TEMPORAL_ADDRESS|temporal\.toml/ });
  });
});

describe('no Temporal server', () => {
  const says = /^No Temporal server answers at 127\.0\.0\.1:1\. .*`oncall temporal`.* set TEMPORAL_ADDRESS/;
  test('for run', async ({ place, call }) => {
    const ended = await call(triage(subject), { env: agentIn(place) });
    expectSentence(ended, { code: 1, says });
  });
  test('for worker', async ({ place }) => {
    writeFileSync(place.configFile, configuration());
    expectSentence(await place.oncall(['worker'], { env: noServer }).ended, { code: 1, says });
  });
  test('for run, in a process of its own', ({ place, call }) =>
    expectSame(place, call, triage(subject), agentIn(place)));
});
