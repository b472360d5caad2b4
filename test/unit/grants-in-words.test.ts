import fc from 'fast-check';
import { expect, test } from 'vitest';
import { grantsInShort, reachOf } from '../../client/grants-in-short.ts';
import { decide } from '../../gate/decide.ts';
import type { Endpoint } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName } from '../../pagerduty/catalogue/index.ts';
import { policyIn } from '../support/gate-answers.ts';
import { anyCase } from '../support/gate-cases.ts';
import type { Case } from '../support/reference-gate.ts';
import { policyOf } from './questions.ts';

const seed = Date.now();
const noon = Date.UTC(2026, 5, 24, 12);
const agentWith = (grants: object, deny: readonly object[] = []) => {
  const agent = policyOf(grants).agents.get('bot');
  if (!agent) throw new Error('The policy has no bot.');
  return { ...agent, deny: deny as typeof agent.deny };
};

test('a grant is told with all that it hangs on', () => {
  const grants = {
    incidents: { level: 'read', when: { teams: ['PT1', 'PT2', 'PT3'], hours: '08:00-20:00 Europe/Berlin' } },
    'incidents.acknowledge': { level: 'full', lease: '5m', when: { urgency: ['low'] }, cap: '20/hour' },
    'incidents.resolve': { level: 'full', approval: 'required', max_incidents: 5 },
    'incidents.add_note': { level: 'full', approval: { people: 2 }, until: '2036-12-01' },
    events: { level: 'full', routing_keys: ['checkout', 'ledger'] },
    teams: 'off',
  };
  expect(grantsInShort(agentWith(grants))).toEqual([
    'incidents read (when the team is PT1, PT2 or PT3 and it is 08:00-20:00 Europe/Berlin)',
    'incidents.acknowledge full (when the urgency is low, lease 300 s, at most 20/hour)',
    'incidents.resolve full (at most 5 incidents at once, with approval)',
    'incidents.add_note full (until 2036-12-01T00:00Z, with approval by 2 people)',
    'events full (by checkout or ledger)',
    'teams off',
  ]);
});

test('an action’s reach is its own grant’s before its resource’s, and a deny’s before all', () => {
  const ended = { level: 'full', until: '2026-01-01' };
  const agent = agentWith(
    {
      incidents: 'read',
      'incidents.resolve': 'full',
      'services.update': 'full',
      'teams.create': ended,
      users: 'full',
    },
    [
      { action: 'incidents.resolve', when: { services: ['PLEDGER'] } },
      { action: 'users.create', when: {} },
    ],
  );
  const reach = (action: Parameters<typeof reachOf>[1]) => reachOf(agent, action, noon);
  expect(reach('incidents.view')).toEqual({ level: 'read', limits: [] });
  expect(reach('incidents.escalate')).toEqual({ level: 'off', limits: [] });
  expect(reach('incidents.resolve')).toEqual({
    level: 'full',
    limits: ['never when the service is PLEDGER'],
  });
  expect(reach('services.view')).toEqual({
    level: 'read',
    limits: ['only what it may act on by services.update, and no lists'],
  });
  expect(reach('teams.create')).toEqual({ level: 'off', limits: ['its grant on teams.create has ended'] });
  expect(reach('users.create')).toEqual({ level: 'off', limits: ['denied, whatever is granted'] });
  expect(reach('users.view')).toEqual({ level: 'read', limits: [] });
});

test('where the matrix says off the gate denies, and where it says no more than a level only what no grant can give is denied', () => {
  const counts = { open: 0, off: 0, free: 0 };
  fc.assert(
    fc.property(anyCase, (asked) => {
      const { decision, sentence, levels, isFree } = told(asked);
      const isOff = levels.includes('off');
      if (isOff) expect(decision).toBe('denied');
      else if (isFree && decision === 'denied')
        expect(sentence).toMatch(/our own From user|stands in it twice|asks for nothing the gate knows/);
      counts[isOff ? 'off' : isFree ? 'free' : 'open'] += 1;
    }),
    { numRuns: 1_000, seed },
  );
  process.stdout.write(`seed ${seed}: ${JSON.stringify(counts)}\n`);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
});

/** What the gate says to a case, and what the matrix says to its actions. */
function told(asked: Case) {
  const policy = policyIn(asked);
  const endpoint: Endpoint = catalogue[asked.operation as OperationName];
  const { facts, request, now, approvedBy } = asked;
  const statusOf = (id: string) =>
    facts.incidents.find((one) => one.id === id || String(one.number) === id)?.status;
  const actions = endpoint.actions(request as never, statusOf);
  const touches = endpoint.touches(request as never);
  const { summary } = endpoint;
  const { operation } = asked;
  const said = decide(
    policy,
    { agent: 'bot', operation, summary, actions, touches, now, approvedBy },
    facts,
    {
      frozen: null,
      disabled: null,
      uses: {},
    },
  );
  if (said.decision === 'needs')
    throw new Error(`The gate needs ${said.needs.join()}, and knows all there is.`);
  const bot = policy.agents.get('bot');
  const reaches = bot ? actions.map((action) => reachOf(bot, action, now)) : [];
  return {
    decision: said.decision,
    sentence: said.sentence,
    levels: reaches.map(({ level }) => level),
    isFree: reaches.every(({ limits }) => limits.length === 0),
  };
}
