import { expect, test } from 'vitest';
import { seenEvents } from '../../client/seen-events.ts';

const done = async (): Promise<void> => {};

test('the oldest events are forgotten first, but for those that are still on their way', async () => {
  const { once } = seenEvents(2);
  let arrive = (): void => {};
  const way = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const first = once('1', () => way);
  for (const event of ['2', '3', '4']) await once(event, done).delivery;
  expect(once('1', done).isFirst).toBe(false);
  expect(once('4', done).isFirst).toBe(false);
  expect(once('2', done).isFirst).toBe(true);
  arrive();
  await first.delivery;
  for (const event of ['5', '6']) await once(event, done).delivery;
  expect(once('1', done).isFirst).toBe(true);
});

test('an event that failed is tried anew, and knows whom it has reached', async () => {
  const { once } = seenEvents();
  const failed = once('1', async (reached) => {
    reached.add('a');
    throw new Error('away');
  });
  await expect(failed.delivery).rejects.toThrow('away');
  const again = once('1', async (reached) => [...reached]);
  expect([again.isFirst, await again.delivery]).toEqual([true, ['a']]);
});
