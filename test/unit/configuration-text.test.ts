import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { withAgent, withOperator, withRotatedKey } from '../../client/configuration-text.ts';

const agent = { name: 'new-bot', publicKey: 'k'.repeat(43) };
const lines = (indent = '  ', eol = '\n'): string =>
  ['new-bot:', `  public_key: ${agent.publicKey}`, '  grants: {}']
    .map((line) => `${indent}${line}${eol}`)
    .join('');

describe('an agent is entered by adding lines alone', () => {
  const account = 'accounts:\n  main: { region: us }\n';
  test.each<readonly [what: string, before: string, after: string]>([
    ['an empty file', '', `agents:\n${lines()}`],
    ['only a comment', '# Ask first.\n', `# Ask first.\nagents:\n${lines()}`],
    ['no agents', account, `${account}agents:\n${lines()}`],
    ['no line break at the end', account.trimEnd(), `${account}agents:\n${lines()}`],
    ['agents with nothing below', `agents:\n${account}`, `agents:\n${lines()}${account}`],
    ['agents with a comment below', 'agents:\n  # nobody yet\n', `agents:\n${lines()}  # nobody yet\n`],
    ['agents at the very end', `${account}agents:`, `${account}agents:\n${lines()}`],
    [
      'agents that are none, in braces',
      `agents: {}  # none\n${account}`,
      `agents:  # none\n${lines()}${account}`,
    ],
    ['agents that are none, in words', 'agents:   ~\n', `agents:\n${lines()}`],
    ['one agent', 'agents:\n  a: { x: 1 }\n', `agents:\n  a: { x: 1 }\n${lines()}`],
    [
      'an indent of four',
      'agents:\n    a:\n        x: 1\n',
      `agents:\n    a:\n        x: 1\n${lines('    ')}`,
    ],
    [
      'a list at the end',
      'agents:\n  a:\n    x:\n    - 1\n    - y: 2\n',
      `agents:\n  a:\n    x:\n    - 1\n    - y: 2\n${lines()}`,
    ],
    [
      'a text of several lines at the end',
      'agents:\n  a:\n    x: |\n      one\n\n      two\n\n# End\n',
      `agents:\n  a:\n    x: |\n      one\n\n      two\n${lines()}\n# End\n`,
    ],
    [
      'comments within the last agent and behind it',
      'agents:\n  a:\n    x: 1 # now\n    # x: 2\n\n  # b: gone\n# End\n',
      `agents:\n  a:\n    x: 1 # now\n    # x: 2\n${lines()}\n  # b: gone\n# End\n`,
    ],
    [
      'Windows line breaks',
      'agents:\r\n  a:\r\n    x: 1\r\n',
      `agents:\r\n  a:\r\n    x: 1\r\n${lines('  ', '\r\n')}`,
    ],
    ['quoted names', '"agents":\n  "a": {}\n', `"agents":\n  "a": {}\n${lines()}`],
    [
      'agents in braces',
      'agents: { a: { x: 1 } }\n',
      `agents: { a: { x: 1 }, new-bot: { public_key: ${agent.publicKey}, grants: {} } }\n`,
    ],
    [
      'agents in braces, with a comma at the end',
      'agents: {\n  a: 1,\n}\n',
      `agents: {\n  a: 1, new-bot: { public_key: ${agent.publicKey}, grants: {} }\n}\n`,
    ],
  ])('%s', (_what, before, after) => {
    const grown = withAgent(before, agent);
    expect(grown).toBe(after);
    expect(parse(grown ?? '').agents['new-bot']).toEqual({ public_key: agent.publicKey, grants: {} });
  });
});

test.each<readonly [what: string, text: string]>([
  ['a file all in braces', '{ agents: { a: 1 } }\n'],
  ['agents that stand for others', 'others: &o { a: 1 }\nagents: *o\n'],
  ['a comment before the closing brace', 'agents: {\n  a: 1 # one\n}\n'],
  ['an end mark', 'agents:\n  a: 1\n...\n# End\n'.replace('agents', 'accounts')],
  ['a list', '- 1\n'],
])('%s is left to people', (_what, text) => {
  expect(withAgent(text, agent)).toBeUndefined();
});

test('an operator is entered in the same way, below its own section', () => {
  const before = 'accounts:\n  main: { region: us }\nagents:\n  a: {}\n';
  const lead = { name: 'lead', publicKey: agent.publicKey };
  const grown = withOperator(before, lead);
  expect(grown).toBe(`${before}operators:\n  lead:\n    public_key: ${agent.publicKey}\n`);
  expect(withOperator(grown ?? '', { ...lead, name: 'ops', pagerdutyUser: 'PABC' })).toBe(
    `${grown}  ops:\n    public_key: ${agent.publicKey}\n    pagerduty_user: PABC\n`,
  );
});

describe('a key is rotated by changing its line and adding one', () => {
  const old = 'o'.repeat(43);
  const until = '2026-11-24T08:00:00.000Z';
  const rotation = { section: 'agents', name: 'bot', publicKey: agent.publicKey, until } as const;
  const item = `{ public_key: ${old}, until: "${until}" }`;
  const earlier = '{ public_key: e, until: "2026-01-01T00:00:00Z" }';
  test.each<readonly [what: string, before: string, after: string]>([
    [
      'the first time',
      `agents:\n  a: {}\n  bot: # by day\n    public_key: ${old} # of May\n    grants: {}\n# End\n`,
      `agents:\n  a: {}\n  bot: # by day\n    public_key: ${agent.publicKey} # of May\n    previous_keys: [${item}]\n    grants: {}\n# End\n`,
    ],
    [
      'at the very end, in quotes',
      `agents:\n  bot:\n    grants: {}\n    public_key: '${old}'`,
      `agents:\n  bot:\n    grants: {}\n    public_key: ${agent.publicKey}\n    previous_keys: [${item}]\n`,
    ],
    [
      'in braces',
      `agents: { bot: { public_key: ${old}, grants: {} } }\n`,
      `agents: { bot: { public_key: ${agent.publicKey}, previous_keys: [${item}], grants: {} } }\n`,
    ],
    [
      'again, after keys in brackets',
      `agents:\n  bot:\n    public_key: ${old}\n    previous_keys: [${earlier}]\n`,
      `agents:\n  bot:\n    public_key: ${agent.publicKey}\n    previous_keys: [${earlier}, ${item}]\n`,
    ],
    [
      'again, after keys on lines, which stand before the key',
      `agents:\n  bot:\n    previous_keys:\n      - ${earlier} # first\n    public_key: ${old}\n`,
      `agents:\n  bot:\n    previous_keys:\n      - ${earlier} # first\n      - ${item}\n    public_key: ${agent.publicKey}\n`,
    ],
    [
      'again, after keys on lines of their own',
      `agents:\n  bot:\n    public_key: ${old}\n    previous_keys:\n    - public_key: e\n      until: x\n`,
      `agents:\n  bot:\n    public_key: ${agent.publicKey}\n    previous_keys:\n    - public_key: e\n      until: x\n    - ${item}\n`,
    ],
    [
      'with Windows line breaks',
      `agents:\r\n  bot:\r\n    public_key: ${old}\r\n    grants: {}\r\n`,
      `agents:\r\n  bot:\r\n    public_key: ${agent.publicKey}\r\n    previous_keys: [${item}]\r\n    grants: {}\r\n`,
    ],
  ])('%s', (_what, before, after) => {
    expect(withRotatedKey(before, rotation)).toBe(after);
  });

  test.each<readonly [what: string, text: string]>([
    ['an agent that is not there', `agents:\n  other:\n    public_key: ${old}\n`],
    ['a key that stands for another', `k: &k ${old}\nagents:\n  bot:\n    public_key: *k\n`],
    ['previous keys that are none', `agents:\n  bot:\n    public_key: ${old}\n    previous_keys: []\n`],
  ])('%s is left to people', (_what, text) => {
    expect(withRotatedKey(text, rotation)).toBeUndefined();
  });
});
