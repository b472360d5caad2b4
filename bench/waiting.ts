import { setTimeout as sleep } from 'node:timers/promises';

/** Works on everything, so many at a time. */
export async function eachOf<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const one = async (): Promise<void> => {
    for (let next = left.next(); !next.done; next = left.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

/**
 * Waits until something is so; asks every 200 ms, for ten minutes, unless it is said otherwise.
 * @throws Error where it is not by then.
 */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  { everyMs = 200, withinMs = 600_000 } = {},
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > deadline)
      throw new Error(`What was waited for did not come within ${withinMs / 1_000} s.`);
    await sleep(everyMs);
  }
}
