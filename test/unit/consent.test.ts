import { describe, expect, test } from 'vitest';
import { type Concerned, consentsOn } from '../../gate/consent.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { newKeyPair } from '../../gate/statement.ts';

const botKey = newKeyPair().publicKey;
const key = () => newKeyPair().publicKey;
const cleo: Concerned = { user: 'PCLEO', name: 'Cleo', as: 'taker' };
const ada: Concerned = { user: 'PADA', name: 'Ada', as: 'owner' };

function asked(
  concerned: readonly Concerned[],
  approvedBy: readonly string[] = [],
  { agent = {}, operators = {} }: { readonly agent?: object; readonly operators?: object } = {},
) {
  const policy = parsePolicy(
    JSON.stringify({
      accounts: { main: { region: 'us', token: 'env:T', from: 'bot@example.com' } },
      agents: { bot: { public_key: botKey, grants: { 'schedules.override': 'full' }, ...agent } },
      operators: {
        'ada-adler': { public_key: key(), pagerduty_user: 'PADA' },
        'cleo-marin': { public_key: key(), pagerduty_user: 'PCLEO' },
        lead: { public_key: key() },
        ...operators,
      },
    }),
  );
  const bot = policy.agents.get('bot');
  if (!bot) throw new Error('There is no agent.');
  return consentsOn(policy, bot, concerned, approvedBy);
}

describe('who takes a duty', () => {
  test('is asked, and nobody else', () => {
    expect(asked([cleo])).toMatchObject({
      missing: ['Cleo agrees (cleo-marin)'],
      by: ['cleo-marin'],
      people: 1,
      hopeless: [],
    });
    expect(asked([cleo], ['cleo-marin'])).toMatchObject({ missing: [], by: [], people: 0 });
  });

  test('is not spoken for by an operator, by any number of them, or by whoever has the duty now', () => {
    const answer = asked([cleo], ['lead', 'ada-adler']);
    expect(answer).toMatchObject({ missing: ['Cleo agrees (cleo-marin)'], by: ['cleo-marin'] });
    expect(answer.notTheirs).toBe(
      'The word of lead and ada-adler does not stand in for that of Cleo, who must agree too.',
    );
  });

  test('agrees as well where the own agent asks for it: it is the own duty', () => {
    const agent = { pagerduty_user: 'PCLEO' };
    expect(asked([cleo], ['cleo-marin'], { agent })).toMatchObject({ missing: [], hopeless: [] });
  });

  test('is never the agent itself, that has the operator’s key', () => {
    const operators = { 'cleo-marin': { public_key: botKey, pagerduty_user: 'PCLEO' } };
    expect(asked([cleo], ['cleo-marin'], { operators })).toMatchObject({
      hopeless: ['Cleo must agree, and the configuration has no operator who is PCLEO in PagerDuty'],
    });
    const rotated = {
      'cleo-marin': {
        public_key: key(),
        pagerduty_user: 'PCLEO',
        previous_keys: [{ public_key: botKey, until: '2026-01-01T00:00:00Z' }],
      },
    };
    expect(asked([cleo], ['cleo-marin'], { operators: rotated }).hopeless).toHaveLength(1);
  });

  test('of a swap is each of both', () => {
    const both = [cleo, { ...ada, as: 'taker' } as const];
    expect(asked(both)).toMatchObject({ people: 2, by: ['cleo-marin', 'ada-adler'] });
    expect(asked(both, ['ada-adler'])).toMatchObject({ people: 1, missing: ['Cleo agrees (cleo-marin)'] });
    expect(asked(both, ['ada-adler', 'lead']).missing).toHaveLength(1);
    expect(asked(both, ['ada-adler', 'cleo-marin'])).toMatchObject({ people: 0, missing: [] });
  });
});

describe('whoever has the duty until then', () => {
  test('agrees, or another operator does who does not take it', () => {
    const first = asked([cleo, ada], ['cleo-marin']);
    expect(first).toMatchObject({
      missing: ['Ada or another operator agrees (one of ada-adler and lead)'],
      by: ['ada-adler', 'lead'],
      people: 1,
    });
    for (const who of ['ada-adler', 'lead'])
      expect(asked([cleo, ada], ['cleo-marin', who])).toMatchObject({ missing: [], people: 0 });
    expect(asked([cleo, ada])).toMatchObject({ people: 2, by: ['cleo-marin', 'ada-adler', 'lead'] });
  });

  test('need not say it where the own agent asks, and cannot say it for the taker', () => {
    const agent = { pagerduty_user: 'PADA' };
    expect(asked([cleo, ada], ['cleo-marin'], { agent })).toMatchObject({ missing: [] });
    expect(asked([cleo, ada], ['ada-adler'], { agent }).missing).toEqual(['Cleo agrees (cleo-marin)']);
  });

  test('leaves it to nobody where the taker is the only operator', () => {
    const policy = parsePolicy(
      JSON.stringify({
        accounts: { main: { region: 'us', token: 'env:T', from: 'bot@example.com' } },
        agents: { bot: { public_key: botKey, grants: { 'schedules.override': 'full' } } },
        operators: { 'cleo-marin': { public_key: key(), pagerduty_user: 'PCLEO' } },
      }),
    );
    const bot = policy.agents.get('bot');
    if (!bot) throw new Error('There is no agent.');
    expect(consentsOn(policy, bot, [cleo, ada], ['cleo-marin'])).toMatchObject({
      missing: [],
      hopeless: ['Ada must agree, or another operator, and the configuration has none'],
    });
  });
});
