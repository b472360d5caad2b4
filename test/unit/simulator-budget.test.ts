import { expect, test } from 'vitest';
import { fixedWindow, isOff, slidingWindow } from '../../simulator/budget.ts';

test('a fixed window lets its number pass, counts down, and refuses the rest until it ends', () => {
  const { take } = fixedWindow(2, 60);
  expect(take('key', 0)).toEqual({ allowed: true, limit: 2, remaining: 1, resetSeconds: 60 });
  expect(take('key', 10_000)).toEqual({ allowed: true, limit: 2, remaining: 0, resetSeconds: 50 });
  expect(take('key', 59_999)).toEqual({ allowed: false, limit: 2, remaining: 0, resetSeconds: 1 });
  expect(take('key', 60_000)).toEqual({ allowed: true, limit: 2, remaining: 1, resetSeconds: 60 });
});

test('the wait is rounded up to whole seconds, so that whoever waits it out is let in', () => {
  const { take } = fixedWindow(1, 60);
  take('key', 0);
  const { resetSeconds } = take('key', 100);
  expect(resetSeconds).toBe(60);
  expect(take('key', 100 + resetSeconds * 1000).allowed).toBe(true);
});

test('each bucket has a window of its own', () => {
  const { take } = fixedWindow(1, 60);
  expect(take('one', 0).allowed).toBe(true);
  expect(take('two', 0).allowed).toBe(true);
  expect(take('one', 0).allowed).toBe(false);
});

test('a sliding window has no moment at which twice its number passes', () => {
  const { take } = slidingWindow(2, 60);
  expect(take('key', 50_000).allowed).toBe(true);
  expect(take('key', 55_000).allowed).toBe(true);
  expect(take('key', 60_000)).toEqual({ allowed: false, limit: 2, remaining: 0, resetSeconds: 50 });
  expect(take('key', 110_000).allowed).toBe(true);
  expect(take('key', 110_000).allowed).toBe(false);
  expect(take('key', 115_000).allowed).toBe(true);
});

test.each([
  [0, true],
  [Number.POSITIVE_INFINITY, true],
  [1, false],
])('a limit of %d is off: %s', (limit, off) => {
  expect(isOff(limit)).toBe(off);
});
