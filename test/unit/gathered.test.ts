import { expect, test } from 'vitest';
import { gathered } from '../../client/gathered.ts';

test('what comes while others are being given goes together, no more than so many, and each hears of its own', async () => {
  const given: (readonly number[])[] = [];
  const gates: { readonly open: () => void; readonly fail: (error: Error) => void }[] = [];
  const give = gathered(3, (items: readonly number[]) => {
    given.push(items);
    return new Promise<void>((open, fail) => gates.push({ open, fail }));
  });
  const ends: string[] = [];
  const all = [1, 2, 3, 4, 5].map((item) =>
    give(item).then(
      () => ends.push(`${item} given`),
      (error: Error) => ends.push(`${item} ${error.message}`),
    ),
  );
  expect(given).toEqual([[1]]);
  gates[0]?.open();
  await all[0];
  expect(given).toEqual([[1], [2, 3, 4]]);
  gates[1]?.fail(new Error('failed'));
  await Promise.all(all.slice(0, 4));
  gates[2]?.open();
  await Promise.all(all);
  expect(given).toEqual([[1], [2, 3, 4], [5]]);
  expect(ends).toEqual(['1 given', '2 failed', '3 failed', '4 failed', '5 given']);
});

test('after all were given the next one goes at once', async () => {
  const given: (readonly string[])[] = [];
  const give = gathered(10, async (items: readonly string[]) => void given.push(items));
  await give('first');
  await give('second');
  expect(given).toEqual([['first'], ['second']]);
});
