import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../gate/policy.ts';
import { orderedInput, ordersFor, strays } from '../../gate/standing.ts';
import { account, faultsOf, publicKey } from './configurations.ts';

const others = `${account}agents:\n  triage-bot: { public_key: ${publicKey} }\n`;
const order = 'on: incident.triggered, workflow: triageIncident, agent: triage-bot';
const lines = others.split('\n').length;
const standing = (written: string, before = others): string =>
  `${before}standing:\n  night: { ${written} }\n`;

describe('a standing order is refused, where and why', () => {
  test.each<[string, string, string]>([
    ['on an event that is none', order.replace('triggered', 'dreamt'), 'on: an order is on one of incident.'],
    [
      'on an event of a service',
      order.replace('incident.triggered', 'service.updated'),
      'on: an order is on',
    ],
    [
      'that starts what is about no incident',
      order.replace('triageIncident', 'runOperation'),
      'workflow: an event of an incident starts one of triageIncident, ',
    ],
    [
      'for an agent that is none',
      order.replace('triage-bot', 'triag-bot'),
      'agent: there is no agent triag-bot; there are triage-bot',
    ],
    ['for an account that is none', `${order}, account: other`, 'account: there is no account other'],
    ['with a misspelt key', `${order}, servces: [P1]`, 'servces: no such key; is it misspelt?'],
    [
      'for services, on an event that does not name the service',
      `${order.replace('triggered', 'annotated')}, services: [PCHECKOUT]`,
      'services: an event incident.annotated does not say of which service its incident is; leave services out',
    ],
    ['for no service', `${order}, services: []`, 'services: takes at least one value'],
    [
      'with what the order says itself',
      `${order}, input: { incident: P1 }`,
      'input.incident: the order says',
    ],
    [
      'with input that its Workflow does not take',
      `${order}, input: { notes: 1 }`,
      'input.notes: no such field; there are account, reason, approvalSeconds, incident',
    ],
    [
      'without input that its Workflow needs',
      order.replace('triageIncident', 'respondToIncident'),
      'input.assess: Invalid option: expected one of "rules"|"client"',
    ],
  ])('%s', (_what, written, sentence) => {
    const [fault = '', ...more] = faultsOf(standing(written));
    expect(more).toEqual([]);
    expect(fault).toMatch(new RegExp(`^oncall\\.yaml:${lines + 1}:\\d+: `));
    expect(fault).toContain(`standing.night.${sentence}`);
  });

  test('where several accounts could be meant', () => {
    const two = `${account}${account.split('\n')[1]?.replace('main', 'second')}\n${others.replace(account, '')}`;
    expect(faultsOf(standing(order, two))).toEqual([
      expect.stringMatching(/standing\.night: say which account: main or second$/),
    ]);
    expect(parsePolicy(standing(`${order}, account: second`, two)).standing.get('night')?.account).toBe(
      'second',
    );
  });
});

const { standing: orders } = parsePolicy(
  standing(`${order}, services: [PCHECKOUT], input: { reason: at night }`),
);
const [night] = [...orders.values()];
if (!night) throw new Error('The order was not read.');

test('an order is for one event, on its account and services', () => {
  const event = { account: 'main', type: 'incident.triggered', service: 'PCHECKOUT' };
  const names = (change: object): readonly string[] =>
    ordersFor(orders, { ...event, ...change }).map(([name]) => name);
  expect(names({})).toEqual(['night']);
  expect(names({ type: 'incident.resolved' })).toEqual([]);
  expect(names({ account: 'other' })).toEqual([]);
  expect(names({ service: 'PLEDGER' })).toEqual([]);
  expect(names({ service: undefined })).toEqual([]);
});

test('a run is what an order starts, to the letter', () => {
  const ordered = { account: 'main', standing: 'night', incident: 'P1', event: '01A' };
  const input = orderedInput(night, ordered);
  expect(input).toEqual({
    reason: 'at night',
    account: 'main',
    incident: 'P1',
    standing: 'night',
    event: '01A',
  });
  const run = { type: 'triageIncident', input, ordered };
  expect(strays(night, run)).toBeUndefined();
  expect(strays(night, { ...run, type: 'resolveIncident' })).toMatch(/^starts triageIncident and not/);
  const other = 'was given other input than the configuration says';
  expect(strays(night, { ...run, input: { ...input, reason: 'by day' } })).toBe(other);
  expect(strays(night, { ...run, input: { ...input, approvalSeconds: 5 } })).toBe(other);
});
