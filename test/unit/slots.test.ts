import { expect, test } from 'vitest';
import { slotsOf } from '../../client/slots.ts';

const ages = 60_000;

test('whoever has waited longest for a slot is next, and who waits too long goes without', async () => {
  const { take, free } = slotsOf(1);
  expect(await take(0)).toBe(true);
  const order: string[] = [];
  const first = take(ages).then(() => order.push('first'));
  const late = take(1);
  const second = take(ages).then(() => order.push('second'));
  expect(await late).toBe(false);
  free();
  await first;
  free();
  await second;
  expect(order).toEqual(['first', 'second']);
  free();
  expect(await take(0)).toBe(true);
  expect(await take(1)).toBe(false);
});
