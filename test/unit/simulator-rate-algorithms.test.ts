import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Limiter, type RateAlgorithm, rateAlgorithms } from '../../simulator/budget.ts';

// Each algorithm against a model that remembers every request ever let in and counts anew each time. Instants are whole
// milliseconds and a token comes every whole number of them, so that the model needs no fractions.

interface Model {
  /** Whether a request would be let in now. */
  readonly lets: (now: number) => boolean;
  readonly letIn: (now: number) => void;
}

const windowMs = 6_000;

const models: Readonly<Record<RateAlgorithm, (limit: number) => Model>> = {
  'fixed-window': (limit) => {
    const all: number[] = [];
    const inWindow = (now: number) => {
      let opened: number | undefined;
      let used = 0;
      for (const at of all) {
        if (opened === undefined || at >= opened + windowMs) {
          opened = at;
          used = 0;
        }
        used += 1;
      }
      return opened === undefined || now >= opened + windowMs ? 0 : used;
    };
    return { lets: (now) => inWindow(now) < limit, letIn: (now) => all.push(now) };
  },
  'sliding-window': (limit) => {
    const all: number[] = [];
    return {
      lets: (now) => all.filter((at) => at > now - windowMs).length < limit,
      letIn: (now) => all.push(now),
    };
  },
  'token-bucket': (limit) => {
    const all: number[] = [];
    const msPerToken = windowMs / limit;
    /** What is in the bucket, in milliseconds of filling, replayed from the first request on. */
    const level = (now: number) => {
      let held = windowMs;
      let last = now;
      for (const [index, at] of all.entries()) {
        held = index === 0 ? windowMs : Math.min(windowMs, held + at - last);
        held -= msPerToken;
        last = at;
      }
      return Math.min(windowMs, held + now - last);
    };
    return { lets: (now) => level(now) >= msPerToken, letIn: (now) => all.push(now) };
  },
};

/** Gaps between requests: often none, mostly short, sometimes past a whole window. */
const gaps = fc.array(
  fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 900 }), fc.integer({ min: 901, max: 13_000 })),
  { maxLength: 120 },
);
const limits = fc.constantFrom(1, 2, 3, 5, 8, 12);

const names = Object.keys(rateAlgorithms) as readonly RateAlgorithm[];

describe.each(names)('%s', (name) => {
  const make = (limit: number): Limiter => rateAlgorithms[name](limit, windowMs / 1000);

  test('lets in exactly what a model lets in that counts every request anew', () => {
    fc.assert(
      fc.property(limits, gaps, (limit, waits) => {
        const limiter = make(limit);
        const model = models[name](limit);
        let now = 1_000_000;
        for (const wait of waits) {
          now += wait;
          const expected = model.lets(now);
          if (expected) model.letIn(now);
          expect(limiter.take('key', now).allowed).toBe(expected);
        }
      }),
    );
  });

  test('never has more than its limit left, nor less than nothing, and looking changes nothing', () => {
    fc.assert(
      fc.property(limits, gaps, (limit, waits) => {
        const [looked, other] = [make(limit), make(limit)];
        let now = 0;
        for (const wait of waits) {
          now += wait;
          const before = looked.look('key', now);
          const taken = looked.take('key', now);
          expect(before.allowed).toBe(taken.allowed);
          expect(taken).toEqual(other.take('key', now));
          expect(taken.remaining).toBeGreaterThanOrEqual(0);
          expect(taken.remaining).toBeLessThanOrEqual(limit);
          expect(before.remaining - taken.remaining).toBe(taken.allowed ? 1 : 0);
        }
      }),
    );
  });

  test('lets in whoever waits as long as it says', () => {
    fc.assert(
      fc.property(limits, gaps, (limit, waits) => {
        const limiter = make(limit);
        let now = 0;
        for (const wait of waits) {
          now += wait;
          const { allowed, resetSeconds } = limiter.take('key', now);
          if (allowed) continue;
          now += resetSeconds * 1000;
          expect(limiter.take('key', now).allowed).toBe(true);
        }
      }),
    );
  });

  test('keeps two buckets apart', () => {
    const limiter = make(1);
    expect(limiter.take('one', 0).allowed).toBe(true);
    expect(limiter.take('one', 0).allowed).toBe(false);
    expect(limiter.take('two', 0).allowed).toBe(true);
  });
});
