import { expect, test } from 'vitest';
import { AccountMeter } from '../../activities/meter.ts';
import type { Standing } from '../../pagerduty/rate-limit.ts';
import { standingOf } from '../../pagerduty/rate-limit.ts';

const [rest, urgent] = ['oncall-rest-main', 'oncall-urgent-main'];

/** A meter with a clock that only the test moves. */
function metered(): {
  readonly meter: AccountMeter;
  readonly pass: (ms: number) => void;
  readonly ask: (queue: string, answer?: Standing, credential?: string) => void;
} {
  let now = 1_000_000;
  const meter = new AccountMeter(urgent, () => now);
  return {
    meter,
    pass: (ms) => {
      now += ms;
    },
    ask: (queue, answer, credential = 'env:TOKEN') => {
      const hears = meter.of(queue, credential).leaves('getIncident');
      if (answer) hears(answer);
    },
  };
}

const of = (meter: AccountMeter, queue: string) => meter.of(queue, 'env:TOKEN').waitMs('getIncident');

test('what is left for urgent work is not for ordinary work, and what PagerDuty would refuse is for nobody', () => {
  const { meter, ask } = metered();
  expect(of(meter, rest)).toBe(0);
  ask(rest, { limit: 100, remaining: 5, resetMs: 30_000 });
  expect(of(meter, rest)).toBe(0);
  ask(rest);
  ask(rest);
  // Two have left since, and nobody knows yet how they were counted.
  expect(of(meter, rest)).toBe(30_000);
  expect(of(meter, urgent)).toBe(0);
  for (let more = 0; more < 3; more += 1) ask(urgent);
  expect(of(meter, urgent)).toBe(30_000);
});

test('after the end of a window a few find out how it stands, and the others wait for them', () => {
  const { meter, pass, ask } = metered();
  ask(rest, { limit: 100, remaining: 0, resetMs: 30_000 });
  pass(30_000);
  for (let probe = 0; probe < 10; probe += 1) {
    expect(of(meter, rest)).toBe(0);
    ask(rest);
  }
  expect(of(meter, rest)).toBe(1_000);
  ask(rest, { limit: 100, remaining: 89, resetMs: 60_000 });
  expect(of(meter, rest)).toBe(0);
});

test('where answers do not say how it stands, as many more find out after a second: nobody waits for ever', () => {
  const { meter, pass, ask } = metered();
  ask(rest, { limit: 100, remaining: 0, resetMs: 0 });
  for (let second = 0; second < 5; second += 1) {
    for (let probe = 0; probe < 10; probe += 1) {
      expect(of(meter, rest)).toBe(0);
      ask(rest);
    }
    expect(of(meter, rest)).toBe(1_000);
    pass(1_000);
  }
});

test('each credential has a budget of its own', () => {
  const { meter, ask } = metered();
  ask(rest, { limit: 100, remaining: 0, resetMs: 30_000 }, 'env:OTHER');
  expect(of(meter, rest)).toBe(0);
  expect(meter.of(rest, 'env:OTHER').waitMs('getIncident')).toBe(30_000);
  expect(meter.counts.used).toMatchObject({
    'env:OTHER': { left: 1, heard: { remaining: 0, leftBefore: 1, leftAfter: 1 } },
  });
});

test('an operation with a lower limit of its own waits by itself, as low as PagerDuty says', () => {
  const { meter, pass, ask } = metered();
  ask(rest, { limit: 960, remaining: 900, resetMs: 60_000 });
  const create = meter.of(urgent, 'env:TOKEN');
  for (let page = 0; page < 90; page += 1) {
    expect(create.waitMs('createIncident')).toBe(0);
    create.leaves('createIncident');
    pass(10);
  }
  expect(create.waitMs('createIncident')).toBe(60_000 - 900);
  expect(create.waitMs('getIncident')).toBe(0);
  pass(60_000);
  // It tells of the limit that is nearer its end: this one, and it is lower than was thought.
  create.leaves('createIncident')({ limit: 20, remaining: 15, resetMs: 50_000 });
  for (let page = 0; page < 17; page += 1) create.leaves('createIncident');
  expect(create.waitMs('createIncident')).toBe(60_000);
  // Of the budget of the account it said nothing.
  expect(meter.counts.used['env:TOKEN']?.heard?.limit).toBe(960);
});

test('Workers share what only they count', () => {
  const { meter } = metered();
  meter.workers = 3;
  const create = meter.of(urgent, 'env:TOKEN');
  for (let page = 0; page < 30; page += 1) create.leaves('createIncident');
  expect(create.waitMs('createIncident')).toBe(60_000);
});

test('events are not counted: PagerDuty limits each routing key by itself', () => {
  const { meter } = metered();
  const events = meter.of('oncall-events-main', 'env:TOKEN');
  for (let event = 0; event < 1_000; event += 1) events.leaves('enqueueEvent')(undefined);
  expect(events.waitMs('enqueueEvent')).toBe(0);
  expect(meter.counts.requests).toEqual({});
});

test('headers that make no sense say nothing', () => {
  const headers = (limit: string, remaining: string, reset: string) => ({
    'ratelimit-limit': limit,
    'ratelimit-remaining': remaining,
    'ratelimit-reset': reset,
  });
  expect(standingOf(headers('960', '959', '60'))).toEqual({ limit: 960, remaining: 959, resetMs: 60_000 });
  expect(standingOf(headers('960', '0', '0'))).toEqual({ limit: 960, remaining: 0, resetMs: 0 });
  for (const [limit, remaining, reset] of [
    ['0', '0', '1'],
    ['many', '1', '1'],
    ['960', '-1', '1'],
    ['960', '1', 'soon'],
    ['Infinity', '1', '1'],
  ] as const)
    expect(standingOf(headers(limit, remaining, reset))).toBeUndefined();
  expect(standingOf({})).toBeUndefined();
});
