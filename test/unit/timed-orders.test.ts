import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../gate/policy.ts';
import { differences, linesOf, runAttributes } from '../../gate/schedules.ts';
import { standingIn, timedInput } from '../../gate/timed-orders.ts';
import { searchAttributes } from '../../workflows/contract.ts';
import { account, faultsOf, publicKey } from './configurations.ts';

const others = `${account}agents:\n  reporter: { public_key: ${publicKey} }\n`;
const order =
  'cron: "0 8 * * 1", zone: Europe/Berlin, workflow: runOperation, agent: reporter, input: { operation: listOnCalls, request: {} }';
const shiftOrder =
  'at: shift-change, schedules: [PA], workflow: runOperation, agent: reporter, input: { operation: listOnCalls, request: {} }';
const line = others.split('\n').length + 1;
const standing = (written: string): string => `${others}standing:\n  noise: { ${written} }\n`;
const read = (written: string) => {
  const { timed, standing: onEvents } = parsePolicy(standing(written));
  const noise = timed.get('noise');
  if (!noise || onEvents.size > 0) throw new Error('It was not read as an order by the clock.');
  return noise;
};

describe('an order by the clock is refused, where and why, once', () => {
  test.each<[string, string, string]>([
    ['with a cron line that is none', order.replace('0 8', '0 25'), 'cron: hour takes 0 to 23'],
    ['in no zone', order.replace(', zone: Europe/Berlin', ''), 'zone: is missing'],
    ['in a zone that is none', order.replace('Berlin', 'Berlim'), 'zone: Europe/Berlim is no time zone'],
    ['in an offset', order.replace('Europe/Berlin', '"+02:00"'), 'zone: +02:00 is no time zone'],
    [
      'in a zone that a server would not find',
      order.replace('Europe/Berlin', 'europe/berlin'),
      'zone: europe/berlin is written Europe/Berlin',
    ],
    [
      'for a Workflow that is none',
      order.replace('runOperation', 'runOperations'),
      'workflow: there is no such Workflow; there are triageIncident, ',
    ],
    ['for an agent that is none', order.replace('reporter', 'report'), 'agent: there is no agent report; '],
    ['for an account that is none', `${order}, account: other`, 'account: there is no account other'],
    [
      'with input that its Workflow does not take',
      order.replace('request', 'requests'),
      'input.request: is missing',
    ],
    [
      'with a request that the operation does not take',
      order.replace('request: {}', 'request: { query: { limits: 1 } }'),
      'input.request.query.limits: no such field',
    ],
    [
      'with what the order says itself',
      order.replace('request: {}', 'request: {}, account: main'),
      'input.account: the order says this itself; take it out',
    ],
    [
      'on an event as well',
      `on: incident.triggered, ${order}`,
      'cron: an order is on an event (on) or by the clock',
    ],
    ['without a word when', 'workflow: addNote, agent: reporter', 'say when: on (an event, such as'],
    ['with a misspelt key', `${order}, overlaps: skip`, 'overlaps: no such key; is it misspelt?'],
    ['for services', `${order}, services: [P1]`, 'services: no such key; is it misspelt?'],
    ['with an overlap that is none', `${order}, overlap: allow_all`, 'overlap: an overlap is skip'],
    ['with a catch-up of a year', `${order}, catchup: 1y`, 'catchup: catchup is a duration'],
    ['with a catch-up without unit', `${order}, catchup: "10"`, 'catchup: catchup is a duration'],
    [
      'by the clock and at shift changes',
      `${order}, at: shift-change`,
      'at: an order is on an event (on) or by the clock (cron), or at shift changes (at)',
    ],
    [
      'at a change of another kind',
      shiftOrder.replace('shift-change', 'sunrise'),
      'at: an order is at shift-change; times of day are written as cron and zone',
    ],
    ["at nobody's shift changes", shiftOrder.replace(', schedules: [PA]', ''), ': say whose shifts: '],
    ["at two kinds' shift changes", `${shiftOrder}, policies: [PB]`, ': say whose shifts: '],
    ['at shift changes in a zone', `${shiftOrder}, zone: UTC`, 'zone: no such key; is it misspelt?'],
    ['with a jitter of a day', `${order}, jitter: 1d`, 'jitter: jitter is a duration'],
  ])('%s', (_what, written, sentence) => {
    const [fault = '', ...more] = faultsOf(standing(written));
    expect(more).toEqual(
      sentence.startsWith('input.request: ')
        ? [expect.stringContaining('input.requests: no such field')]
        : [],
    );
    expect(fault).toMatch(new RegExp(`^oncall\\.yaml:${line}:\\d+: `));
    expect(fault).toContain(
      `standing.noise${/^(say|:)/.test(sentence) ? sentence.replace(/^(: )?/, ': ') : `.${sentence}`}`,
    );
  });
});

test('what an order leaves out is minutes, and no second run', () =>
  expect(read(order)).toMatchObject({ account: 'main', overlap: 'skip', catchup: 600_000, jitter: 0 }));

test('its lines say all that decides when what starts, and each change of the order is one difference', () => {
  const lines = linesOf('noise', read(order), 'oncall');
  expect(lines).toMatchObject({ times: '0 8 * * 1', zone: 'Europe/Berlin', catchup: '600 s', jitter: '0 s' });
  const changed = (written: string): readonly string[] =>
    differences(linesOf('noise', read(written), 'oncall'), lines).map((one) => one.line);
  expect(changed(order.replace('* * 1', '* * mon'))).toEqual([]);
  expect(changed(order.replace('0 8', '0 9'))).toEqual(['times']);
  expect(changed(order.replace('Berlin', 'Paris'))).toEqual(['zone']);
  expect(changed(`${order}, overlap: buffer_one`)).toEqual(['overlap']);
  expect(changed(`${order}, catchup: 5m`)).toEqual(['catchup']);
  expect(changed(`${order}, jitter: 30s`)).toEqual(['jitter']);
  expect(changed(order.replace('listOnCalls', 'listServices'))).toEqual(['input']);
});

test('the lines of one at shift changes are the instants that were read, and whose they are', () => {
  const at = Date.UTC(2026, 9, 25, 1, 30);
  const lines = linesOf('noise', read(shiftOrder), 'oncall', [at + 3_600_000, at]);
  expect(lines).toMatchObject({
    times: '2026-10-25T01:30:00Z 2026-10-25T02:30:00Z',
    shifts: 'schedules PA',
    zone: 'UTC',
    catchup: '600 s',
    jitter: '0 s',
  });
  const changed = (written: string): readonly string[] =>
    differences(linesOf('noise', read(written), 'oncall', [at, at + 3_600_000]), lines).map(
      (one) => one.line,
    );
  expect(changed(shiftOrder)).toEqual([]);
  expect(changed(shiftOrder.replace('[PA]', '[PA, PB]'))).toEqual(['shifts']);
  expect(changed(shiftOrder.replace('schedules', 'policies'))).toEqual(['shifts']);
  expect(changed(order)).toEqual(['times', 'shifts', 'zone']);
  expect(linesOf('noise', read(shiftOrder), 'oncall')).toMatchObject({ times: 'none' });
});

test('a run is given the input of the order, its account and its name', () => {
  const input = timedInput('noise', read(order));
  expect(input).toEqual({ operation: 'listOnCalls', request: {}, account: 'main', standing: 'noise' });
  expect(standingIn(input)).toEqual({ account: 'main', standing: 'noise' });
  expect(standingIn({ account: 'main' })).toBeUndefined();
});

test('the gate finds runs by the search attributes that there are', () =>
  expect(runAttributes).toEqual({
    agent: searchAttributes.agent.name,
    account: searchAttributes.account.name,
  }));

test('the example of docs/standing-orders.md is taken', () => {
  const page = readFileSync(new URL('../../docs/standing-orders.md', import.meta.url), 'utf8');
  const [, yaml = ''] = /^```yaml\n(.*?)^```$/ms.exec(page) ?? [];
  const { timed } = parsePolicy(`${account}${yaml.replace('…', publicKey)}`);
  expect(timed.get('who-is-on-call')).toMatchObject({ jitter: 30_000, catchup: 600_000, overlap: 'skip' });
  expect(timed.get('hand-over')).toMatchObject({
    at: 'shift-change',
    schedules: ['PPRIMARY'],
    overlap: 'skip',
  });
});
