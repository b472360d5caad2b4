import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type RateAlgorithm, rateAlgorithms } from '../../simulator/budget.ts';
import { nothingKnown, remember, roomFor } from '../../worker/budget.ts';
import { mostInAMinute, type Play, play, tickMs } from '../support/paced-account.ts';

const algorithms = Object.keys(rateAlgorithms) as readonly RateAlgorithm[];

/** What a run of properties has exercised: a property that met nothing proves nothing. */
const exercised = { plays: 0, sent: 0, taken: 0, othersSent: 0, urgent: 0 };

function played(about: Play): ReturnType<typeof play> {
  const result = play(about);
  exercised.plays += 1;
  exercised.sent += result.sent;
  exercised.taken += result.taken.length;
  exercised.othersSent += result.othersSent;
  exercised.urgent += result.urgentWaits.length;
  return result;
}

const seconds = 200;
const jobs = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: seconds - 60 }),
    pieces: fc.integer({ min: 1, max: 2_500 }),
    requests: fc.constantFrom(1, 1, 1, 2, 3),
  }),
  { minLength: 1, maxLength: 5 },
);
const machine = {
  fastest: fc.constantFrom(20, 60, 150),
  delayMs: fc.integer({ min: 0, max: 900 }),
};
const urgent = fc.array(fc.integer({ min: 0, max: seconds - 10 }), { maxLength: 12 });
const many = { numRuns: 30 };

describe.each(algorithms)('by %s', (algorithm) => {
  test('nothing of ours is refused while nobody else is there, and urgent work begins within a second', () => {
    fc.assert(
      fc.property(fc.record({ jobs, urgent, ...machine }), (about) => {
        const { refused, urgentWaits } = played({ ...about, algorithm, seconds });
        expect(refused).toBe(0);
        expect(Math.max(0, ...urgentWaits)).toBeLessThan(1);
      }),
      many,
    );
  });

  /** What another program is refused that asks for nearly a tenth of the limit within a second. */
  const burst = (about: Omit<Play, 'algorithm' | 'seconds'>, from: number): number => {
    const others = [{ from, to: from + 1, aSecond: 90 }];
    const { othersRefused, othersSent } = played({ ...about, algorithm, seconds, others });
    expect(othersSent).toBe(90);
    return othersRefused.length;
  };
  const moment = fc.integer({ min: 0, max: seconds - 5 });

  test('a tenth of the limit is there for another program at any moment', () => {
    const alike = fc
      .record({ jobs, requests: fc.constantFrom(1, 2, 3), ...machine })
      .map(({ requests, ...about }) => ({ ...about, jobs: about.jobs.map((job) => ({ ...job, requests })) }));
    fc.assert(
      fc.property(alike, moment, (about, from) => {
        expect(burst(about, from)).toBe(0);
      }),
      many,
    );
  });

  test('most of it is there in the very moment in which work of one request gives way to work of three', () => {
    fc.assert(
      fc.property(fc.record({ jobs, ...machine }), moment, (about, from) => {
        expect(burst(about, from)).toBeLessThan(45);
      }),
      many,
    );
  });

  test('another program that takes half, and starts and stops, is refused in its first minute at most, and so are we', () => {
    const stretches = fc.array(
      fc.record({ on: fc.integer({ min: 20, max: 150 }), off: fc.integer({ min: 5, max: 90 }) }),
      { minLength: 1, maxLength: 3 },
    );
    const about = fc.record({
      aSecond: fc.constantFrom(4, 6, 8),
      stretches,
      first: fc.integer({ min: 0, max: 90 }),
      ...machine,
    });
    fc.assert(
      fc.property(about, ({ aSecond, stretches: on, first, ...speed }) => {
        let from = first;
        const others = on.map((stretch) => {
          const to = from + stretch.on;
          const other = { from, to, aSecond };
          from = to + stretch.off;
          return other;
        });
        const { lastRefused, othersRefused } = played({
          ...speed,
          algorithm,
          jobs: [{ at: 0, pieces: 20_000 }],
          seconds: Math.min(from, 500),
          others,
        });
        // They are seen after some seconds; a window that began before that is spent as if nobody were there.
        const seenS = 10;
        const learned = first + seenS + 60 + (tickMs + 1_000 + speed.delayMs) / 1_000;
        expect(lastRefused).toBeLessThan(learned);
        expect(othersRefused.filter((at) => at > learned)).toEqual([]);
      }),
      many,
    );
  });

  test('uses nine tenths of what there is, where there is work for it', () => {
    const { taken, refused } = played({ algorithm, jobs: [{ at: 0, pieces: 20_000 }], seconds: 600 });
    expect(refused).toBe(0);
    expect(taken.length).toBeGreaterThan(10 * 960 * 0.85);
    if (algorithm !== 'token-bucket') expect(mostInAMinute(taken)).toBeLessThanOrEqual(960 * 0.9);
  });

  test('gives a short job on an idle account all the speed there is', () => {
    const { doneAt } = played({ algorithm, jobs: [{ at: 5, pieces: 200 }], seconds: 20, fastest: 150 });
    expect(doneAt[0]).toBeLessThan(5 + 3);
  });

  test('takes room back once others have been gone for long', () => {
    const others = [{ from: 0, to: 120, aSecond: 8 }];
    const about = { algorithm, jobs: [{ at: 0, pieces: 50_000 }], others };
    const during = played({ ...about, seconds: 120 }).taken.length;
    const { taken, memory } = played({ ...about, seconds: 1_500 });
    expect(taken.filter((at) => at > 1_380_000).length).toBeGreaterThan(during * 1.25);
    expect(memory.expected).toBeLessThan(1);
  });
});

test('an arithmetic that hears nothing is refused, so these properties can turn red', () => {
  const deaf: typeof roomFor = () => ({ rest: 30, urgent: 9, why: 'planted' });
  for (const algorithm of algorithms) {
    const { refused } = play({ algorithm, jobs: [{ at: 0, pieces: 5_000 }], seconds: 200, room: deaf });
    expect(refused).toBeGreaterThan(0);
  }
});

test('what is remembered stays small, and is plain data', () => {
  let memory = nothingKnown;
  for (let at = 0; at < 600_000; at += 100) {
    const heard = {
      limit: 960,
      remaining: 500,
      resetMs: 60_000 - (at % 60_000),
      at,
      leftBefore: at / 100,
      leftAfter: at / 100,
    };
    memory = remember(memory, { now: at, left: at / 100, heard });
  }
  expect(memory.trail.length + memory.others.length).toBeLessThan(700);
  expect(JSON.parse(JSON.stringify(memory))).toEqual(memory);
});

test('a limit says why it is what it is', () => {
  const heard = { limit: 960, remaining: 800, resetMs: 60_000, at: 1_000, leftBefore: 160, leftAfter: 160 };
  const known = { now: 1_000, left: 160, heard };
  const memory = remember(remember(nothingKnown, { now: 0, left: 0 }), known);
  expect(roomFor(memory, known).why).toBe('800 of 960 requests are left for 60 s');
});

test('the properties have exercised all of it', () => {
  console.log(
    `budget: ${Object.entries(exercised)
      .map(([what, count]) => `${count} ${what}`)
      .join(', ')}`,
  );
  for (const count of Object.values(exercised)) expect(count).toBeGreaterThan(0);
});
