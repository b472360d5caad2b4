import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { withAgent } from '../../client/configuration-text.ts';

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
