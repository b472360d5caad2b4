import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PolicyError, parsePolicy } from '../../gate/policy.ts';
import { account, faultsOf, granting, publicKey } from './configurations.ts';

const bot = (more: string): string =>
  `${account}agents:\n  bot:\n    public_key: ${publicKey}\n    ${more}\n`;
const limited = (rest: string): string => granting(`incidents: { level: read, ${rest} }`);
const when = (rest: string): string => limited(`when: { ${rest} }`);
const agent = `{ public_key: ${publicKey} }`;
const noYaml = 'this is not YAML: ';
const twice = `${noYaml}the same key stands there twice`;
const tag = `${noYaml}a !tag means nothing here; take it out`;
const proto = `${noYaml}there is no such key`;
const oneWord = `${noYaml}a key is one word, written out`;

/** What is tried | the file | where it is refused, and why. */
const refused: readonly (readonly [string, string, string])[] = [
  ['a merge key beside the keys of an agent', bot('<<: { pagerduty_user: PX }'), `6:5: ${noYaml}a merge key`],
  ['a merge key among grants', granting('<<: { incidents: read }'), `7:7: ${noYaml}a merge key`],
  [
    'an older YAML, where off is no and << merges',
    `%YAML 1.1\n---\n${granting('<<: { incidents: read }')}`,
    `1:1: ${noYaml}it is read as YAML 1.2`,
  ],
  ['a grant on __proto__', granting('__proto__: read'), `7:7: ${proto}`],
  ['an agent named __proto__', `${account}agents:\n  __proto__: ${agent}\n`, `4:3: ${proto}`],
  ['an operator named __proto__', `${account}operators:\n  __proto__: ${agent}\n`, `4:3: ${proto}`],
  [
    'a routing key named __proto__',
    account.replace('from', 'routing_keys: { __proto__: env:X }, from'),
    `2:57: ${proto}`,
  ],
  ['__proto__ in a grant', limited('__proto__: { cap: 1/hour }'), `7:33: ${proto}`],
  ['__proto__ under when', when('__proto__: { teams: [PT] }'), `7:41: ${proto}`],
  [
    'a grant on constructor',
    granting('constructor: read'),
    '7:7: agents.bot.grants.constructor: no such resource',
  ],
  [
    'a grant on incidents.constructor',
    granting('incidents.constructor: full'),
    '7:7: agents.bot.grants.incidents.constructor: no such action',
  ],
  [
    'a deny of toString',
    bot('deny: [{ action: toString }]'),
    '6:14: agents.bot.deny.0.action: no such resource',
  ],
  [
    'a deny of incidents.valueOf',
    bot('deny: [{ action: incidents.valueOf }]'),
    '6:14: agents.bot.deny.0.action: no such action',
  ],
  [
    'an approval by hasOwnProperty',
    granting('incidents.resolve: { level: full, approval: { by: [hasOwnProperty] } }'),
    '7:7: agents.bot.grants.incidents.resolve: there is no operator hasOwnProperty',
  ],
  [
    'a From for toString',
    account.replace('from: bot@example.com', 'from: { default: a@example.com, toString: b@example.com }'),
    '2:73: accounts.main.from.toString: no such action',
  ],
  ['an agent twice', `${account}agents:\n  bot: ${agent}\n  bot: ${agent}\n`, `5:3: ${twice}`],
  [
    'an agent twice, once in quotes',
    `${account}agents:\n  bot: ${agent}\n  "bot": ${agent}\n`,
    `5:3: ${twice}`,
  ],
  [
    'an agent twice, once as a word and once as a truth',
    `${account}agents:\n  true: ${agent}\n  "true": ${agent}\n`,
    `5:3: ${twice}`,
  ],
  [
    'an agent twice, once by an alias',
    `${account}agents:\n  &a bot: ${agent}\n  *a : ${agent}\n`,
    `5:3: ${oneWord}`,
  ],
  ['a grant twice', granting('incidents: off\nusers: read\nincidents: read'), `9:7: ${twice}`],
  ['a grant twice on one line', granting('incidents: { level: off, level: read }'), `7:32: ${twice}`],
  ['a key of nothing', granting('~: read'), `7:7: ${oneWord}`],
  ['a key that is a list', granting('? [incidents]\n: read'), `7:9: ${oneWord}`],
  ['a key that is a map', granting('? { incidents: read }\n: read'), `7:9: ${oneWord}`],
  ['a tag that nobody knows', granting('incidents: !secret read'), `7:18: ${tag}`],
  ['a tag that everybody knows', granting('incidents: !!str read'), `7:24: ${tag}`],
  ['a tag on a map', granting('incidents: !!omap [level: read]'), `7:25: ${tag}`],
  ['bytes', granting('incidents: !!binary cmVhZA=='), `7:27: ${tag}`],
  [
    'an alias of nothing',
    granting('users: read\nincidents: *nope'),
    `8:18: ${noYaml}a *alias stands for nothing`,
  ],
  [
    'aliases of aliases',
    `${account}a: &a [${Array(40).fill('x').join()}]\nb: &b [${Array(40).fill('*a').join()}]\nc: [${Array(40).fill('*b').join()}]\n`,
    `4:8: ${noYaml}its aliases stand for too much`,
  ],
  ['a file within itself', `${account}agents: &a\n  bot: *a\n`, '4:3: agents.bot.bot: no such key'],
  [
    'a byte order mark before a fault',
    `\uFEFF${granting('incidents: raed')}`,
    '7:7: agents.bot.grants.incidents: a level is',
  ],
  [
    'a byte order mark within',
    granting('incidents: \uFEFFread'),
    '7:7: agents.bot.grants.incidents: a level is',
  ],
  [
    'lines that end as on Windows',
    granting('incidents: raed').replaceAll('\n', '\r\n'),
    '7:7: agents.bot.grants.incidents: a level is',
  ],
  ['lines that end as long ago', granting('incidents: raed').replaceAll('\n', '\r'), `1:10: ${noYaml}`],
  ['a line end that only Unicode knows', granting('incidents: read\u2028users: read'), `7:18: ${noYaml}`],
  [
    'a tab for an indent',
    granting('incidents: read').replace('      incidents', '\tincidents'),
    `7:1: ${noYaml}`,
  ],
  ['a zero byte', granting('incidents: re\0ad'), '7:7: agents.bot.grants.incidents: a level is'],
  [
    'a resource in letters that look alike',
    granting('in\u0441idents: read'),
    '7:7: agents.bot.grants.in\u0441idents: no such resource',
  ],
  [
    'a resource with a space of no width',
    granting('"incidents\u200b": read'),
    '7:7: agents.bot.grants.incidents\u200b: no such resource',
  ],
  [
    'a number beyond all numbers',
    limited('max_incidents: 1e400'),
    '7:33: agents.bot.grants.incidents.max_incidents: takes a number',
  ],
  [
    'what is not a number',
    limited('max_incidents: .nan'),
    '7:33: agents.bot.grants.incidents.max_incidents: takes a number',
  ],
  [
    'a number that no file needs',
    limited('max_incidents: 99999999999999999999'),
    '7:33: agents.bot.grants.incidents.max_incidents: takes at most',
  ],
  [
    'one incident too many',
    limited('max_incidents: 251'),
    '7:33: agents.bot.grants.incidents.max_incidents: takes at most 250',
  ],
  [
    'no incident at all',
    limited('max_incidents: 0'),
    '7:33: agents.bot.grants.incidents.max_incidents: takes at least 1',
  ],
  [
    'half an incident',
    limited('max_incidents: 1.5'),
    '7:33: agents.bot.grants.incidents.max_incidents: takes a whole number',
  ],
  [
    'a cap of a million',
    limited('cap: 1000000/hour'),
    '7:33: agents.bot.grants.incidents.cap: a cap is such as 20/hour',
  ],
  [
    'a cap of none',
    limited('cap: 0/hour'),
    '7:33: agents.bot.grants.incidents.cap: a cap is such as 20/hour',
  ],
  [
    'a cap in other digits',
    limited('cap: \u0662\u0660/hour'),
    '7:33: agents.bot.grants.incidents.cap: a cap is such as 20/hour',
  ],
  [
    'a cap in a fortnight',
    limited('cap: 20/fortnight'),
    '7:33: agents.bot.grants.incidents.cap: a cap is such as 20/hour',
  ],
  [
    'an end on a day that is none',
    limited('until: 2026-02-30'),
    '7:33: agents.bot.grants.incidents.until: an end is such as',
  ],
  [
    'an end at an hour that is none',
    limited('until: 2026-12-01T25:00:00Z'),
    '7:33: agents.bot.grants.incidents.until: an end is such as',
  ],
  [
    'an end in no zone',
    limited('until: 2026-12-01T08:00:00'),
    '7:33: agents.bot.grants.incidents.until: an end is such as',
  ],
  [
    'an end that is a number',
    limited('until: 20261201'),
    '7:33: agents.bot.grants.incidents.until: an end is such as',
  ],
  [
    'hours in no zone',
    when('hours: 08:00-20:00'),
    '7:41: agents.bot.grants.incidents.when.hours: hours are such as',
  ],
  [
    'hours in a zone of Mars',
    when('hours: "08:00-20:00 Mars/Olympus"'),
    '7:41: agents.bot.grants.incidents.when.hours: Mars/Olympus is no time zone',
  ],
  [
    'hours after the day',
    when('hours: "08:00-24:01 UTC"'),
    '7:41: agents.bot.grants.incidents.when.hours: hours are such as',
  ],
  [
    'hours that never are',
    when('hours: "08:00-08:00 UTC"'),
    '7:41: agents.bot.grants.incidents.when.hours: hours are such as',
  ],
  [
    'on_call that is false',
    when('on_call: false'),
    '7:41: agents.bot.grants.incidents.when.on_call: takes true',
  ],
  [
    'on_call for no person',
    when('on_call: true'),
    '7:7: agents.bot.grants.incidents: on_call asks whether a person is on call',
  ],
  [
    'on_call of a deny for no person',
    bot('deny: [{ action: incidents, when: { on_call: true } }]'),
    '6:12: agents.bot.deny.0: on_call asks',
  ],
  [
    'three people to approve',
    granting('incidents.resolve: { level: full, approval: { people: 3 } }'),
    '7:53: agents.bot.grants.incidents.resolve.approval.people: takes 1',
  ],
  [
    'an approval that is yes',
    granting('incidents.resolve: { level: full, approval: yes }'),
    '7:41: agents.bot.grants.incidents.resolve.approval: an approval is "required"',
  ],
  [
    'an approval to read',
    granting('incidents.view: { level: read, approval: required }'),
    '7:7: agents.bot.grants.incidents.view: reading needs no approval',
  ],
  [
    'max_incidents of services',
    granting('services: { level: read, max_incidents: 1 }'),
    '7:7: agents.bot.grants.services: only incidents have max_incidents',
  ],
  ['a deny that is no list', bot('deny: { action: incidents }'), '6:5: agents.bot.deny: takes a list'],
  ['a deny of words', bot('deny: [incidents]'), '6:12: agents.bot.deny.0: takes keys and values'],
  [
    'a deny with an empty when',
    bot('deny: [{ action: incidents, when: }]'),
    '6:33: agents.bot.deny.0.when: takes keys and values',
  ],
  [
    'a deny of what a user cannot show',
    bot('deny: [{ action: users, when: { urgency: [low] } }]'),
    '6:29: agents.bot.deny.0.when: urgency says nothing about users',
  ],
  [
    'a deny that could never strike: a status of a new incident',
    bot('deny: [{ action: incidents.create, when: { status: [triggered] } }]'),
    '6:40: agents.bot.deny.0.when: status says nothing about incidents.create',
  ],
  [
    'a grant that could never hold: the team of a new user',
    granting('users.create: { level: full, when: { teams: [PT] } }'),
    '7:7: agents.bot.grants.users.create: teams says nothing about users.create',
  ],
  [
    'a grant that is no word',
    granting('incidents:\u00a0read'),
    '6:5: agents.bot.grants: takes keys and values',
  ],
  ['a file that is a list', '- a\n', '1:1: the file: takes keys and values'],
  ['two files in one', `${account}---\n${account}`, `3:1: ${noYaml}a file holds one document`],
];

describe('a trick of YAML is refused, with its line', () => {
  test.each(refused)('%s', (_what, text, said) => {
    expect(faultsOf(text)[0]?.startsWith(`oncall.yaml:${said}`), faultsOf(text)[0]).toBe(true);
  });

  test.each([
    ['lists', '['.repeat(50_000) + ']'.repeat(50_000)],
    ['maps', '{a: '.repeat(20_000) + 'x' + '}'.repeat(20_000)],
    ['dashes', '- '.repeat(20_000) + 'x'],
  ])('%s within each other, thousands deep, end no Worker', (_what, text) => {
    expect(faultsOf(`agents: ${text}`)[0]).toMatch(/^oncall\.yaml:1:\d+: /);
    expect(faultsOf(text)[0]).toMatch(/^oncall\.yaml:1:\d+: /);
  });

  test('sixty thousand keys of one map are told in seconds, not in minutes', () => {
    const keys = Array.from({ length: 60_000 }, (_, index) => `key-${index}: read`);
    const begin = process.cpuUsage();
    expect(faultsOf(keys.join('\n'))).toHaveLength(50);
    expect(faultsOf(granting(keys.join('\n')))[0]).toMatch(/^oncall\.yaml:7:7: /);
    // Of the processor, which a busy machine gives more slowly.
    expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(60);
  });

  test('no word of a secret is repeated, whichever way it is written wrongly', () => {
    for (const trick of ['!hunter2 x', '*hunter2', '&hunter2 *hunter2', '? hunter2', '"hunter2\\q"'])
      expect(faultsOf(account.replace('env:TOKEN', trick)).join()).not.toContain('hunter2');
  });
});

test('names that JavaScript has for itself are names like any other', () => {
  const text = `${account}agents:\n  constructor: { public_key: ${publicKey}, grants: { incidents: read } }\n`;
  const { agents } = parsePolicy(text);
  expect(agents.get('constructor')?.grants.size).toBe(1);
  expect(agents.has('valueOf')).toBe(false);
});

test('what is taken means the same with every line end and with a mark at its beginning', () => {
  const text = granting(
    'incidents: { level: read, when: { teams: [PT] }, cap: 20/hour, until: 2026-12-01 }\nusers: off',
  );
  const { agents } = parsePolicy(text);
  for (const same of [text.replaceAll('\n', '\r\n'), `\uFEFF${text}`, `--- # first\n${text}`, `${text}...\n`])
    expect(parsePolicy(same).agents).toEqual(agents);
});

test('an end is an instant, whatever end is taken', () => {
  for (const until of [
    '2026-12-01',
    '2028-02-29',
    '2026-12-01T08:00:00Z',
    '9999-12-31T23:59:59-23:59',
    '0001-01-01',
  ]) {
    const [grant] =
      parsePolicy(limited(`until: ${until}`))
        .agents.get('bot')
        ?.grants.values() ?? [];
    expect(grant?.until).toSatisfy(Number.isFinite);
  }
});

test('a character more or less is refused with a line or means what it says, and never throws anything else', () => {
  const text = `${granting('incidents: read\nincidents.resolve: { level: full, approval: required, when: { urgency: [low] }, cap: 2/day }')}    deny: [{ action: incidents.move, when: { services: [PS1] } }]\n`;
  expect(parsePolicy(text).agents.get('bot')?.deny).toHaveLength(1);
  const seed = Date.now();
  const counts = { refused: 0, taken: 0 };
  const anywhere = fc.nat(text.length - 1);
  const pieces = fc.constantFrom(
    '',
    ' ',
    '\t',
    '\n',
    ':',
    '-',
    '*',
    '&a ',
    '!',
    '? ',
    '[',
    '}',
    '"',
    '#',
    '|',
    '%',
    '\0',
    '\uFEFF',
    '<<',
    '~',
    '0',
  );
  fc.assert(
    fc.property(anywhere, fc.nat(3), pieces, (at, gone, piece) => {
      const tried = text.slice(0, at) + piece + text.slice(at + gone);
      try {
        parsePolicy(tried);
        counts.taken += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(PolicyError);
        for (const line of (error as PolicyError).message.split('\n'))
          expect(line).toMatch(/^oncall\.yaml:\d+:\d+: ./);
        counts.refused += 1;
      }
    }),
    { numRuns: 3_000, seed },
  );
  process.stdout.write(`seed ${seed}, 3000 files: ${counts.refused} refused, ${counts.taken} taken\n`);
  expect(Math.min(counts.refused, counts.taken)).toBeGreaterThan(0);
});
