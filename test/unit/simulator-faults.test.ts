import { describe, expect, test } from 'vitest';
import { Fault, Faults, flawOf } from '../../simulator/faults.ts';
import { RequestLog } from '../../simulator/request-log.ts';

const request = { path: '/incidents/P1', text: '' };

/** Which of so many requests the faults strike. */
function struck(requests: number, ...asked: readonly unknown[]) {
  const faults = new Faults();
  for (const one of asked) faults.add(Fault.parse(one));
  return Array.from({ length: requests }, () => faults.strike('getIncident', request)?.kind ?? '-').join(' ');
}

test('a fault strikes every request until it is taken away', () => {
  expect(struck(3, { kind: 'html' })).toBe('html html html');
});

test('a fault lets the first ones pass and then strikes as often as it says', () => {
  expect(struck(5, { kind: 'html', after: 2, times: 2 })).toBe('- - html html -');
});

test('a fault for another operation strikes nothing', () => {
  expect(struck(2, { kind: 'html', operation: 'updateIncident' })).toBe('- -');
});

test('the first fault that strikes is the only one', () => {
  expect(struck(3, { kind: 'html', times: 1 }, { kind: 'reset', times: 1 })).toBe('html reset -');
});

test('chance is decided by the seed alone', () => {
  const halfAndSeed = (seed: number) => struck(40, { kind: 'html', probability: 0.5, seed });
  expect(halfAndSeed(7)).toBe(halfAndSeed(7));
  expect(halfAndSeed(7)).not.toBe(halfAndSeed(8));
  expect(halfAndSeed(7)).toContain('-');
  expect(halfAndSeed(7)).toContain('html');
});

test('chance strikes about as often as it says', () => {
  const times = struck(10_000, { kind: 'html', probability: 0.1 }).split('html').length - 1;
  expect(times).toBeGreaterThan(900);
  expect(times).toBeLessThan(1_100);
});

test('a fault counts whom it was asked about and whom it struck', () => {
  const faults = new Faults();
  faults.add(Fault.parse({ kind: 'html', after: 1 }));
  faults.strike('getIncident', request);
  faults.strike('getIncident', request);
  expect(faults.list()).toMatchObject([{ matched: 2, struck: 1 }]);
});

test('a fault for a text strikes only requests that have it in their path or body', () => {
  const faults = new Faults();
  faults.add(Fault.parse({ kind: 'reset', match: 'seed-7' }));
  const strikes = ['/teams/seed-7', '/teams/seed-8'].map(
    (path) => faults.strike('updateTeamUser', { path, text: '' })?.kind,
  );
  expect(strikes).toEqual(['reset', undefined]);
  expect(faults.strike('createTeam', { path: '/teams', text: '{"name":"seed-7"}' })?.kind).toBe('reset');
  expect(faults.list()).toMatchObject([{ matched: 2, struck: 2 }]);
});

test('a fault for each request strikes every different one, and lets its repeats pass', () => {
  const faults = new Faults();
  faults.add(Fault.parse({ kind: 'reset', each: true, times: 1 }));
  const names = ['one', 'two', 'one', 'three', 'two', 'one'];
  const strikes = names.map((text) => faults.strike('createTeam', { path: '/teams', text })?.kind ?? '-');
  expect(strikes.join(' ')).toBe('reset reset - reset - -');
  expect(faults.list()).toMatchObject([{ matched: 6, struck: 3 }]);
});

describe('what is no fault', () => {
  test.each([
    [{ kind: 'explode' }, 'kind: '],
    [{ kind: 'html', operation: 'deleteEverything' }, 'operation: '],
    [{ kind: 'html', times: 0 }, 'times: '],
    [{ kind: 'html', probability: 2 }, 'probability: '],
    [{ kind: 'html', often: true }, 'often'],
    [{ kind: 'delay' }, 'delay_ms: goes with kind "delay" or "late", which need it'],
    [{ kind: 'reset', status: 500 }, 'status: goes with kind "status" or "html" only'],
    [{ kind: 'status', status: 200 }, 'status: '],
    [{ kind: 'html', retry_after_seconds: 1 }, 'retry_after_seconds: goes with kind "rate_limited" only'],
  ])('%j is refused, and what is wrong is named', (asked, words) => {
    const { error } = Fault.safeParse(asked);
    expect(error && flawOf(error)).toContain(words);
  });
});

test('the request log keeps the last ones only, and their numbers go on', () => {
  const log = new RequestLog(3);
  for (const path of ['/a', '/b', '/c', '/d']) {
    log.add({
      at: '',
      method: 'GET',
      path,
      query: {},
      operation: null,
      status: 404,
      from: null,
      user_agent: null,
      request_id: '',
      body: null,
    });
  }
  expect(log.since(0).map(({ seq, path }) => `${seq} ${path}`)).toEqual(['2 /b', '3 /c', '4 /d']);
  expect(log.since(3).map(({ seq }) => seq)).toEqual([4]);
  expect(log.since(4)).toEqual([]);
});
