import { describe, expect, test } from 'vitest';
import { sha256 } from '../../gate/canonical.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { account, faultsOf, publicKey } from './configurations.ts';

const main = 'region: us, token: env:TOKEN, from: bot@example.com';
const regions = 'say us or eu; or custom, with its rest_url and events_url';

/** A file that is refused, ⏎ for a line end ⇒ what is said of it ⇒ and of another fault. */
const refused = `
agnets: {} ⇒ 1:1: agnets: no such key; is it misspelt?
accounts:⏎  main:⏎    region: us⏎    token: env:T⏎    from: bot@example.com⏎    tokn: env:T ⇒ 6:5: accounts.main.tokn: no such key; is it misspelt?
agents:⏎  bot:⏎    public_key: ${publicKey}⏎    grant: {} ⇒ 4:5: agents.bot.grant: no such key; is it misspelt?
accounts:⏎  main: { ${main.replace('bot@example.com', 'bot')} }⏎agnets: {} ⇒ 2:41: accounts.main.from: Invalid email address ⇒ 3:1: agnets: no such key; is it misspelt?
accounts:⏎  main: { ${main.replace('token: env:TOKEN, ', '')} } ⇒ 2:3: accounts.main: a credential is missing: name a token (an API key), a bearer (a user’s OAuth token) or an oauth app
accounts:⏎  main: { ${main.replace('env:TOKEN', '"env:"')} } ⇒ 2:23: accounts.main.token: a secret is named, never written here: env:NAME or file:PATH
accounts:⏎  main: { ${main.replace('us', 'mars')} } ⇒ 2:11: accounts.main.region: ${regions}
accounts:⏎  main: { ${main.replace('region: us, ', '')} } ⇒ 2:3: accounts.main.region: ${regions}
accounts:⏎  main: { ${main.replace('us', 'custom')} } ⇒ 2:3: accounts.main.rest_url: is missing ⇒ 2:3: accounts.main.events_url: is missing
accounts:⏎  main: { ${main.replace('us', 'custom, rest_url: "ftp://x", events_url: "http://x"')} } ⇒ 2:27: accounts.main.rest_url: an address is http://… or https://…
accounts:⏎  main: { ${main.replace('us', 'us, rest_url: "https://example.com"')} } ⇒ 2:23: accounts.main.rest_url: no such key; is it misspelt?
accounts:⏎  main: ⇒ 2:3: accounts.main: takes keys and values: { key: value }
accounts: [] ⇒ 1:1: accounts: takes keys and values: { key: value }
agents:⏎  bot: { public_key: ${publicKey}, grants: [incidents] } ⇒ 2:67: agents.bot.grants: takes keys and values: { key: value }
agents:⏎  bot: { public_key: abc } ⇒ 2:10: agents.bot.public_key: a public key is the 43 characters that \`oncall agents add\` wrote
agents:⏎  bot: { grants: {} } ⇒ 2:3: agents.bot.public_key: is missing, and no front door may speak for it
agents:⏎  runner: { public_key: ${publicKey} } ⇒ 2:3: agents.runner: the audit uses this name itself; choose another
front_doors:⏎  door: { public_key: ${publicKey} } ⇒ 2:3: front_doors.door: name whom it speaks for: may_speak_for, or may_speak_for_operators
front_doors:⏎  door: { public_key: ${publicKey}, may_speak_for_operators: [lead] } ⇒ 2:94: front_doors.door.may_speak_for_operators.0: there is no operator lead; there are none
front_doors:⏎  door: { public_key: ${publicKey}, may_speak_for_operators: [] } ⇒ 2:68: front_doors.door.may_speak_for_operators: takes at least one value
agents:⏎  bot: { public_key: ${publicKey} }⏎operators:⏎  lead: { public_key: ${'A'.repeat(43)} }⏎front_doors:⏎  door: { public_key: ${'B'.repeat(43)}, may_speak_for: [bot], may_speak_for_operators: [lead] } ⇒ 6:3: front_doors.door: it speaks for agents or for operators, not for both: use two front doors
agents:⏎  bot: { public_key: ${publicKey} }⏎operators:⏎  lead: { public_key: ${'A'.repeat(43)} }⏎front_doors:⏎  mcp: { public_key: ${'B'.repeat(43)}, may_speak_for: [bot] }⏎  page: { public_key: ${'B'.repeat(43)}, may_speak_for_operators: [lead] } ⇒ 6:10: front_doors.mcp.public_key: this is the key of page; a front door has its own ⇒ 7:11: front_doors.page.public_key: this is the key of mcp; a front door has its own
operators:⏎  nobody: { public_key: ${publicKey} } ⇒ 2:3: operators.nobody: the audit uses this name itself; choose another
`
  .trim()
  .split('\n')
  .map((line) => line.split(' ⇒ '));

/** A tenfold list of tenfold lists, five deep. */
const aliases = ['a', 'b', 'c', 'd', 'e']
  .map(
    (name, at, names) =>
      `${name}: &${name} [${Array(10)
        .fill(at === 0 ? 'x' : `*${names[at - 1]}`)
        .join()}]`,
  )
  .join('\n');

describe('a configuration is refused, where and why', () => {
  test.each(refused)('%s', (text = '', ...sentences) => {
    const said = sentences.filter((sentence) => typeof sentence === 'string');
    expect(faultsOf(`${text.replaceAll('⏎', '\n')}\n`)).toEqual(
      said.map((sentence) => `oncall.yaml:${sentence}`),
    );
  });

  test.each([
    ['an open bracket', 'accounts: {', '1:12'],
    ['tabs', 'accounts:\n\tmain: {}\n', '2:1'],
    ['a key that stands there twice', `${account}${account}`, '3:1'],
    ['an account that stands there twice', 'accounts:\n  a: {}\n  a: {}\n', '3:3'],
    ['two documents', `${account}---\n${account}`, '3:1'],
    ['an open quotation', `accounts:\n  main: { token: "env:T }\n`, '3:1'],
    ['brackets without end', '['.repeat(100_000), '1:'],
    ['maps without end', '{a: '.repeat(20_000), '1:'],
  ])('what is not YAML: %s', (_what, text, place) => {
    const [sentence] = faultsOf(text);
    expect(sentence).toMatch(new RegExp(`^oncall\\.yaml:${place}\\d*:?\\d*: this is not YAML: \\S`));
  });

  test.each(['- a\n', 'hello\n', '42\n', 'true\n'])('a file that holds only %j', (text) => {
    expect(faultsOf(text)).toEqual(['oncall.yaml:1:1: the file: takes keys and values: { key: value }']);
  });

  test.each([
    ['aliases that multiply', aliases],
    ['an alias that stands for nothing', 'accounts: { main: { token: *hunter2 } }\n'],
  ])('%s', (_what, text) => {
    for (const sentence of faultsOf(text)) {
      expect(sentence).toMatch(/^oncall\.yaml(:\d+:\d+)?: \S/);
      expect(sentence).not.toContain('hunter2');
    }
  });

  test.each([
    [
      'a name in capitals',
      account.replace('main', 'Main'),
      '2:3: accounts.Main: a name is lower-case letters, digits and dashes',
    ],
    [
      'a number for a name',
      `${account}agents:\n  1: { public_key: ${publicKey} }\n`,
      '4:3: agents.1: a name is lower-case letters',
    ],
    [
      'a routing key’s name in capitals',
      account.replace('from', 'routing_keys: { Main: env:X }, from'),
      'a name is lower-case letters',
    ],
  ])('%s', (_what, text, sentence) => {
    expect(faultsOf(text)[0]).toContain(sentence);
  });

  test('a secret that was written into the file, without repeating it', () => {
    const secret = 'u+S3cretOfTwentyChars';
    for (const text of [
      account.replace('env:TOKEN', secret),
      account.replace('from', `routing_keys: { checkout: ${secret} }, from`),
      account.replace('env:TOKEN', `"${secret}\\q"`),
      account.replace('env:TOKEN', `[${secret}]`),
      account.replace('region: us', `region: ${secret}`),
      account.replace('bot@example.com', secret),
    ]) {
      const sentences = faultsOf(text).join('\n');
      expect(sentences).toMatch(/^oncall\.yaml:2:\d+: /);
      expect(sentences).not.toContain('S3cret');
    }
  });

  test('one word in a file of a megabyte', () => {
    const grants = 'grants: { incidents: { level: read, when: { teams: [PTEAM1], urgency: [low, high] } } }';
    const agents = Array.from(
      { length: 6_600 },
      (_, at) => `  bot-${at}: { public_key: ${publicKey}, ${grants} }`,
    );
    const text = `${account}agents:\n${agents.join('\n')}\n`;
    expect(text.length).toBeGreaterThan(2 ** 20);
    expect(parsePolicy(text).agents.size).toBe(agents.length);
    const [sentence, ...more] = faultsOf(text.replace(/read(?=[^\n]*\n$)/, 'raed'));
    expect(sentence).toMatch(
      /^oncall\.yaml:6603:\d+: agents\.bot-6599\.grants\.incidents\.level: a level is/,
    );
    expect(more).toEqual([]);
  });
});

describe('a good configuration', () => {
  test.each(['', '\n', '# nothing yet\n', 'accounts:\nagents:\n', 'accounts: {}\n', '---\n'])(
    'of nothing is a policy of nothing: %j',
    (text) => {
      expect(parsePolicy(text)).toEqual({
        accounts: new Map(),
        agents: new Map(),
        frontDoors: new Map(),
        operators: new Map(),
        standing: new Map(),
        timed: new Map(),
        digest: sha256(text),
      });
    },
  );

  test('is read as it is written', () => {
    const text = `accounts:
  main:
    region: eu
    token: file:/run/secrets/token
    from: oncall-bot@example.com
    routing_keys: { checkout: env:CHECKOUT_KEY }
  lab: { region: custom, rest_url: "http://127.0.0.1:1", events_url: "https://e.example.com/x", token: env:T, from: b@example.com }
agents:
  triage-bot:
    public_key: ${publicKey}
    grants:
      incidents: read
      incidents.acknowledge: { level: full, lease: 90s, when: { teams: [PTEAM1], urgency: [low, high] } }
      incidents.resolve: off
      events: { level: full, routing_keys: [checkout] }
      services: { level: read }
  watcher: { public_key: ${publicKey} }
`;
    const { accounts, agents, digest } = parsePolicy(text);
    expect([...accounts]).toEqual([
      [
        'main',
        {
          region: 'eu',
          credential: { kind: 'token', ref: 'file:/run/secrets/token' },
          from: { default: 'oncall-bot@example.com' },
          routing_keys: { checkout: 'env:CHECKOUT_KEY' },
        },
      ],
      [
        'lab',
        {
          region: 'custom',
          rest_url: 'http://127.0.0.1:1',
          events_url: 'https://e.example.com/x',
          credential: { kind: 'token', ref: 'env:T' },
          from: { default: 'b@example.com' },
          routing_keys: {},
        },
      ],
    ]);
    expect([...(agents.get('triage-bot')?.grants ?? [])]).toEqual([
      ['incidents', { level: 'read', when: {} }],
      [
        'incidents.acknowledge',
        { level: 'full', when: { teams: ['PTEAM1'], urgency: ['low', 'high'] }, leaseMs: 90_000 },
      ],
      ['incidents.resolve', { level: 'off', when: {} }],
      ['events', { level: 'full', when: {}, routingKeys: ['checkout'] }],
      ['services', { level: 'read', when: {} }],
    ]);
    expect(agents.get('watcher')).toEqual({ public_key: publicKey, grants: new Map(), deny: [] });
    expect(digest).toBe(sha256(text));
  });
});
