import { afterEach, expect, test, vi } from 'vitest';
import { Clock } from '../../simulator/clock.ts';

const start = Date.UTC(2026, 5, 24, 10);
const still = () => new Clock({ start, speed: 0 });
const seconds = (clock: Clock) => (clock.now - start) / 1000;

afterEach(() => {
  vi.useRealTimers();
});

test('the clock runs with real time times its speed, plus all that was advanced', () => {
  let real = 5_000;
  const clock = new Clock({ start, speed: 60, real: () => real });
  real += 2_000;
  clock.catchUp();
  expect(seconds(clock)).toBe(120);
  clock.advance(10);
  expect(seconds(clock)).toBe(130);
  real += 1_000;
  clock.catchUp();
  expect(seconds(clock)).toBe(190);
});

test('now stands still until the clock catches up', () => {
  let real = 0;
  const clock = new Clock({ start, speed: 1, real: () => real });
  real = 9_000;
  expect(seconds(clock)).toBe(0);
  clock.catchUp();
  expect(seconds(clock)).toBe(9);
});

test('what is due runs in the order of its time, each at its own instant, and equal ones in the order they were set', () => {
  const clock = still();
  const ran: string[] = [];
  const set = (name: string, at: number) =>
    clock.at(start + at * 1000, () => ran.push(`${name}@${seconds(clock)}`));
  set('late', 30);
  set('early', 10);
  set('also early', 10);
  set('never', 31);
  clock.advance(30);
  expect(ran).toEqual(['early@10', 'also early@10', 'late@30']);
  expect(seconds(clock)).toBe(30);
});

test('what is set while something runs also runs, if it is due by then', () => {
  const clock = still();
  const ran: number[] = [];
  const again = () => {
    ran.push(seconds(clock));
    clock.at(clock.now + 20_000, again);
  };
  clock.at(start + 20_000, again);
  clock.advance(65);
  expect(ran).toEqual([20, 40, 60]);
});

test('what was due in the past runs at once, and takes nobody back in time', () => {
  const clock = still();
  clock.advance(10);
  let seen: number | undefined;
  clock.at(start, () => {
    seen = seconds(clock);
  });
  clock.catchUp();
  expect(seen).toBe(10);
});

test('a cancelled timer does not run', () => {
  const clock = still();
  const run = vi.fn();
  const timer = clock.at(start + 1_000, run);
  clock.cancel(timer);
  clock.advance(2);
  expect(run).not.toHaveBeenCalled();
});

test('nothing waits for a request: what is due runs by itself when its time comes', () => {
  vi.useFakeTimers();
  const clock = new Clock({ start, speed: 2 });
  const run = vi.fn();
  clock.at(start + 60_000, run);
  vi.advanceTimersByTime(29_999);
  expect(run).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledOnce();
});

test('advancing brings the next timer closer in real time too', () => {
  vi.useFakeTimers();
  const clock = new Clock({ start, speed: 1 });
  const run = vi.fn();
  clock.at(start + 300_000, run);
  clock.advance(290);
  vi.advanceTimersByTime(10_000);
  expect(run).toHaveBeenCalledOnce();
});

test('a timer further away than a real timer can hold does not run at once', () => {
  vi.useFakeTimers();
  const clock = new Clock({ start, speed: 1 });
  const run = vi.fn();
  clock.at(start + 40 * 24 * 3600 * 1000, run);
  vi.advanceTimersByTime(39 * 24 * 3600 * 1000);
  expect(run).not.toHaveBeenCalled();
  vi.advanceTimersByTime(24 * 3600 * 1000);
  expect(run).toHaveBeenCalledOnce();
});

test('a stopped clock runs nothing more', () => {
  vi.useFakeTimers();
  const clock = new Clock({ start, speed: 1 });
  const run = vi.fn();
  clock.at(start + 1_000, run);
  clock.stop();
  vi.advanceTimersByTime(5_000);
  expect(run).not.toHaveBeenCalled();
});
