import { expect, test } from 'vitest';
import { decide, type Question } from '../../gate/decide.ts';
import type { Facts } from '../../gate/facts.ts';
import { actionsOf } from '../../pagerduty/catalogue/endpoint.ts';
import { operationNames } from '../../pagerduty/catalogue/index.ts';
import { asked } from '../fixtures/questions-asked.ts';
import { differenceFrom, questionOf, type Row, rows, saidTo } from './decisions.ts';
import { limited, policyOf } from './questions.ts';

const told = ({ granted, what, facts }: Row): string => `${granted} | ${what} | ${facts}`;

test('at least six hundred decisions are stated, and no two are the same', () => {
  expect(rows.length).toBeGreaterThanOrEqual(600);
  expect(new Set(rows.map(told)).size).toBe(rows.length);
  const counts = ['allowed', 'denied', 'approval', 'needs'].map(
    (answer) => `${rows.filter((row) => row.answer.startsWith(answer)).length} ${answer}`,
  );
  process.stdout.write(`${rows.length} decisions: ${counts.join(', ')}\n`);
});

test.each(rows.map((row) => [told(row), row] as const))('%s', (_told, row) => {
  expect(differenceFrom(row, decide)).toBeUndefined();
});

test('every action, operation and condition is decided both ways', () => {
  const of = (answer: string) => rows.filter((row) => row.answer === answer);
  for (const [answer, list] of [
    ['allowed', of('allowed')],
    ['denied', of('denied')],
  ] as const) {
    const questions = list.map((row) => questionOf(row).question);
    const actions = new Set(questions.flatMap((question) => question.actions as readonly string[]));
    const every = Object.entries(actionsOf).flatMap(([resource, verbs]) =>
      verbs.map((verb) => `${resource}.${verb}`),
    );
    expect([answer, every.filter((action) => !actions.has(action))]).toEqual([answer, []]);
    const operations = new Set(questions.map(({ operation }) => operation));
    const missing = operationNames.filter((name) => !operations.has(name) && !name.includes('Webhook'));
    expect([answer, missing]).toEqual([answer, []]);
    for (const word of conditionWords)
      expect([answer, word, list.some(({ granted }) => granted.includes(`${word}: `))]).toEqual([
        answer,
        word,
        true,
      ]);
  }
});

const conditionWords =
  'services teams policies schedules assignee urgency status hours on_call cap until max_incidents routing_keys deny'.split(
    ' ',
  );

/** What a denial can say: what failed, with the value that it has, and what would do. */
const reasons = [
  /: no grant covers (\w+\.\w+)(, and those that include it do not reach so far: .+)?( \(asked for .+\))?\.$/,
  /: its grant on \S+ is (off|read), and \S+ needs (read|full)\.$/,
  /: the (service|team|escalation policy|schedule|urgency|status|assignee)( of [^:]+)? is [^;]+; its grant covers [^;]+\.$/,
  /: the list asks for (service|team|escalation policy) [^;]+; its grant covers [^;]+\.$/,
  /: the request shows no (service|team|escalation policy|status); its grant covers [^;]+ only( \(asked for .+\))?\.$/,
  /: it is \d\d:\d\d in \S+; its grant on \S+ covers \d\d:\d\d-\d\d:\d\d \S+\.$/,
  /: P\w+, for whom it works, is not on call( for escalation policy \w+)? now( for any escalation policy that its grant covers, [^;]+)?\.$/,
  /: the routing key is \S+; its grant covers [^;]+\.$/,
  /: its grant on \S+ is capped at \d+\/\w+, and \d+ are used up\.$/,
  /: its grant on \S+ ended at [\dT:-]+Z\.$/,
  /: it asks for \d+ incidents at once; its grant on \S+ covers \d+\.$/,
  /: (the \w.+ is .+, for which )?\S+ is denied(, \d\d:\d\d-\d\d:\d\d \S+)?(, while \w+ is on call)?(, and a deny always wins)?\.$/,
  /: nothing shows beforehand whether it is of what \S+ is denied for\.$/,
  /: our own From user is on call \(.+\), so an acknowledge would silence .+; take that user off call\.$/,
  /: user \S+ is our own From user, and a page that goes there reaches nobody\.$/,
  /: incident \S+ \(\S+\) stands in it twice\.$/,
  /: \S+ is for operators alone\.$/,
  /: (everything is frozen|it is disabled) since \S+ by \S+( \(.+\))?\.$/,
] as const;

test('every denial says in one sentence what failed, and what would be allowed', () => {
  const denials = rows.filter(({ answer }) => answer === 'denied').map((row) => saidTo(row, decide).sentence);
  expect(denials.length).toBeGreaterThan(250);
  const vague = denials.filter((sentence) => !reasons.some((reason) => reason.test(sentence)));
  expect(vague).toEqual([]);
  for (const reason of reasons) expect(denials.filter((sentence) => reason.test(sentence))).not.toEqual([]);
});

test('a denial of a condition repeats what the configuration covers, and what PagerDuty says', () => {
  const failing = rows.filter(({ sentence }) => sentence.includes('; its grant covers '));
  expect(failing.length).toBeGreaterThan(60);
  for (const row of failing) {
    const covered = /; its grant covers (.+?)( only)?( \(asked for .+\))?\.$/.exec(row.sentence)?.[1] ?? '';
    for (const value of covered.split(/, | and /)) if (value !== 'PE1') expect(row.granted).toContain(value);
  }
});

const question = (what: string, facts = 'nothing'): Question =>
  questionOf({ granted: '', what, facts, answer: '', sentence: '' }).question;
const factsOf = (words: string): Facts =>
  questionOf({ granted: '', what: 'view', facts: words, answer: '', sentence: '' }).facts;

test('nobody asks what no row asks', () => {
  const used = new Set(rows.map(({ what }) => what));
  expect(Object.keys(asked).filter((what) => !used.has(what) && what !== 'odd event')).toEqual([]);
});

test('an agent that is not there may nothing', () => {
  expect(decide(policyOf({ incidents: 'read' }), { ...question('view'), agent: 'other' }, {})).toEqual({
    decision: 'denied',
    rule: 'agents.other',
    sentence: 'other may not read incident P1: the configuration knows no agent of that name.',
  });
});

test('a request that asks for nothing is denied', () => {
  expect(decide(policyOf({ incidents: 'read' }), { ...question('view'), actions: [] }, {})).toMatchObject({
    decision: 'denied',
    sentence: 'bot may not read incident P1: the request asks for nothing the gate knows.',
  });
});

test('words from outside cannot break the sentence', () => {
  const { sentence } = decide(policyOf({}), question('odd event'), {}) as { sentence: string };
  expect(sentence).toMatch(
    /^bot may not send an event \(routing key x ?y{20,60}[^\n\u202E]{0,40}\): no grant covers events\.resolve\.$/,
  );
});

test.each<[string, object, string, string]>([
  [
    'the action’s own line',
    { incidents: 'read', 'incidents.resolve': 'full' },
    'resolve',
    '.incidents.resolve',
  ],
  ['the resource’s line', { incidents: 'read' }, 'view', '.incidents'],
  [
    'both lines of two actions',
    { 'incidents.resolve': 'full', 'incidents.edit': 'full' },
    'resolve and edit',
    '.incidents.resolve and agents.bot.grants.incidents.edit',
  ],
  [
    'the line that refused',
    { 'incidents.resolve': 'full', 'incidents.edit': limited('full', { urgency: ['low'] }) },
    'resolve and edit',
    '.incidents.edit',
  ],
  ['the grants, where none speaks', {}, 'view', ''],
])('the rule of a decision is %s', (_what, grants, what, rule) => {
  expect(decide(policyOf(grants), question(what), factsOf('high'))).toMatchObject({
    rule: `agents.bot.grants${rule}`,
  });
});

test('an acknowledge is held for the time that its grant states, and nothing else is held', () => {
  const holding = { level: 'full', lease: '5m', when: { urgency: ['low'] } };
  const policy = policyOf({ 'incidents.acknowledge': holding, 'incidents.edit': 'full' });
  expect(decide(policy, question('acknowledge'), factsOf('low'))).toMatchObject({ leaseMs: 300_000 });
  expect(decide(policy, question('acknowledge and edit'), factsOf('low'))).toMatchObject({
    leaseMs: 300_000,
  });
  expect(decide(policy, question('edit'), factsOf('low'))).not.toHaveProperty('leaseMs');
});

test.each<[string, object, string]>([
  [
    'of low urgency',
    { incidents: limited('read', { urgency: ['low'] }), 'incidents.add_note': 'full' },
    'view',
  ],
  [
    'of another team',
    { incidents: limited('read', { teams: ['PT9'] }), 'incidents.resolve': 'full' },
    'view notes',
  ],
])(
  'full on an action includes reading what it acts on, beside a grant of reading incidents %s',
  (_what, grants, what) => {
    expect(decide(policyOf(grants), question(what), factsOf('high')).decision).toBe('allowed');
  },
);

test('where a condition of one of two actions fails, the sentence names that action', () => {
  const grants = { 'incidents.resolve': 'full', 'incidents.edit': limited('full', { urgency: ['low'] }) };
  const verdict = decide(policyOf(grants), question('resolve and edit'), factsOf('high'));
  expect(verdict).toMatchObject({ decision: 'denied', sentence: expect.stringContaining('incidents.edit') });
});
