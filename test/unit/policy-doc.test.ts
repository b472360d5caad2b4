import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { decide, type Question } from '../../gate/decide.ts';
import type { Facts, Switches } from '../../gate/facts.ts';
import { type Policy, parsePolicy } from '../../gate/policy.ts';
import { newKeyPair } from '../../gate/statement.ts';
import { ask } from './questions.ts';

const text = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');

/** An example of the page, its heading, and the sentences that follow it. */
interface Example {
  readonly heading: string;
  readonly yaml: string;
}
const examples: readonly Example[] = text.split(/^(?=#{2,3} )/m).flatMap((section) =>
  [...section.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = '']) => ({
    heading: /^#+ (.*)$/m.exec(section)?.[1] ?? '',
    yaml,
  })),
);
const sentences = [...text.matchAll(/^> (.*)$/gm)].map(([, sentence = '']) => sentence);

/** What a fragment lacks to be a whole configuration: an account, operators, keys, an agent around its grants. */
function whole(yaml: string): Policy {
  const written = parse(yaml.replaceAll('…', () => newKeyPair().publicKey)) as Record<string, object>;
  const isAgent = 'grants' in written;
  const key = () => ({ public_key: newKeyPair().publicKey });
  const complete = {
    accounts: {
      main: {
        region: 'us',
        token: 'env:TOKEN',
        from: 'bot@example.com',
        routing_keys: { checkout: 'env:CHECKOUT' },
      },
    },
    operators: { lead: key(), deputy: key() },
    ...(isAgent ? { agents: { bot: { ...key(), ...written } } } : written),
  };
  return parsePolicy(JSON.stringify(complete));
}

const under = (heading: string): Policy => {
  const found = examples.find((example) => example.heading === heading);
  if (!found) throw new Error(`docs/policy.md has no example under ${heading}.`);
  return whole(found.yaml);
};

test.each(examples)('the example under "$heading" is a configuration that is taken', ({ yaml }) => {
  expect(() => whole(yaml)).not.toThrow();
});

test('the page has an example of everything that a grant can say', () => {
  const all = examples.map(({ yaml }) => yaml).join('\n');
  for (const word of ['when', 'hours', 'on_call', 'services', 'urgency', 'lease', 'cap', 'max_incidents'])
    expect(all).toMatch(new RegExp(`\\b${word}\\b`));
  for (const word of ['until', 'deny', 'approval', 'people', 'previous_keys', 'credentials', 'routing_keys'])
    expect(all).toMatch(new RegExp(`\\b${word}\\b`));
  for (const condition of ['services', 'teams', 'policies', 'schedules', 'assignee', 'urgency', 'status'])
    expect(text).toMatch(new RegExp(`^\\| \`${condition}\` \\|`, 'm'));
});

const params = { id: 'PABC123' };
const changing = (change: object) =>
  ask(
    'updateIncident',
    { params, body: { incident: { type: 'incident_reference', ...change } } },
    'triggered',
  );
const resolve = changing({ status: 'resolved' });
const reassign = changing({ assignments: [{ assignee: { id: 'PBEN', type: 'user_reference' } }] });
const note = ask('createIncidentNote', { params, body: { note: { content: 'Hello.' } } });
const view = ask('getIncident', { params });
const on = (service: string, urgency: string): Facts => ({
  incidents: [
    {
      id: 'PABC123',
      number: 12,
      status: 'triggered',
      urgency,
      service,
      policy: 'PONCALL',
      teams: [],
      assignees: [],
      acknowledgers: [],
    },
  ],
});
const at = (time: string, question: Question): Question => ({ ...question, now: Date.parse(time) });
const quiet: Switches = { frozen: null, disabled: null, uses: {} };
const since = (why: string) => `since 2026-11-24T08:00Z by ada (${why})`;

const toBot = changing({ assignments: [{ assignee: { id: 'PBOT', type: 'user_reference' } }] });

const walked: readonly (readonly [heading: string, Question, Facts, string, Switches?])[] = [
  [
    'Conditions',
    resolve,
    on('PSEARCH', 'high'),
    'bot may not resolve incident #12 (PABC123): the urgency is high; its grant covers low.',
  ],
  [
    'Conditions',
    at('2026-11-24T20:30:00Z', resolve),
    {},
    'bot may not resolve incident PABC123: it is 21:30 in Europe/Berlin; its grant on incidents.resolve covers 08:00-20:00 Europe/Berlin.',
  ],
  [
    'Lists',
    ask('listIncidents', { query: {} }),
    {},
    'bot may list incidents: its grant on incidents is read, narrowed to service PCHECKOUT.',
  ],
  [
    'Lists',
    ask('listIncidents', { query: { 'service_ids[]': ['PLEDGER'] } }),
    {},
    'bot may not list incidents (services PLEDGER): the list asks for service PLEDGER; its grant covers PCHECKOUT.',
  ],
  [
    'Caps and ends',
    note,
    {},
    'bot may not add a note to incident PABC123: its grant on incidents.add_note is capped at 20/hour, and 20 are used up.',
    { ...quiet, uses: { 'incidents.add_note': 20 } },
  ],
  [
    'Caps and ends',
    at('2026-12-01T08:00:00Z', resolve),
    {},
    'bot may not resolve incident PABC123: its grant on incidents.resolve ended at 2026-12-01T08:00Z.',
  ],
  [
    'Deny',
    resolve,
    on('PLEDGER', 'high'),
    'bot may not resolve incident #12 (PABC123): the service is PLEDGER, for which incidents.resolve is denied.',
  ],
  [
    'Deny',
    note,
    {},
    'bot may not add a note to incident PABC123: incidents.add_note is denied, and a deny always wins.',
  ],
  [
    'Rotating a key',
    view,
    {},
    'bot may not read incident PABC123: everything is frozen since 2026-11-24T08:00Z by ada (we are being attacked).',
    { ...quiet, frozen: since('we are being attacked') },
  ],
  [
    'Rotating a key',
    view,
    {},
    'bot may not read incident PABC123: it is disabled since 2026-11-24T08:00Z by ada (it loops).',
    { ...quiet, disabled: since('it loops') },
  ],
];

/** Where a heading has several examples, the one that holds this word. */
const holding = (word: string): Policy => {
  const found = examples.find(({ yaml }) => yaml.includes(word));
  if (!found) throw new Error(`No example holds ${word}.`);
  return whole(found.yaml);
};

describe('the sentences of the page are what the gate says', () => {
  const cases = walked.map(([heading, question, facts, sentence, switches]) => ({
    heading,
    question,
    facts,
    sentence,
    switches,
  }));
  test.each(cases)('$heading: $sentence', ({ heading, question, facts, sentence, switches }) => {
    expect(sentences).toContain(sentence);
    expect(decide(under(heading), question, facts, switches)).toMatchObject({ sentence });
  });

  test('on call', () => {
    const policy = holding('on_call: true');
    const [sentence] = sentences.filter((one) => one.includes('PADA, for whom it works'));
    expect(decide(policy, note, { duty: [] })).toMatchObject({ decision: 'denied', sentence });
    expect(decide(policy, note, { ...on('PCHECKOUT', 'high'), duty: ['PONCALL'] })).toMatchObject({
      decision: 'allowed',
    });
  });

  test('whom no page goes to', () => {
    const [sentence] = sentences.filter((one) => one.includes('our own From user'));
    const word = decide(holding('incidents.reassign'), toBot, {
      ...on('PSEARCH', 'high'),
      ourUsers: ['PBOT'],
    });
    expect(word).toMatchObject({ decision: 'denied', sentence });
  });

  test('approval, of one and of two', () => {
    const policy = holding('approval: required');
    for (const question of [resolve, reassign]) {
      const word = decide(policy, question, { ...on('PCHECKOUT', 'high'), ourUsers: [] });
      expect(word).toMatchObject({ decision: 'approval_needed' });
      expect(sentences).toContain((word as { sentence: string }).sentence);
    }
    const both = { ...reassign, approvedBy: ['lead', 'deputy'] };
    expect(decide(policy, both, { ...on('PCHECKOUT', 'high'), ourUsers: [] })).toMatchObject({
      decision: 'allowed',
    });
  });

  test('and every one of them is walked through', () => {
    const told = [
      ...walked.map(([, , , sentence]) => sentence),
      ...sentences.filter((one) =>
        /PADA, for whom|once (one|2) of lead and deputy|our own From user/.test(one),
      ),
    ];
    expect(sentences.toSorted()).toEqual(told.toSorted());
  });
});
