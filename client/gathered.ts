/**
 * Gives things on together: what comes while others are being given waits, and goes with the next. Each caller hears what came
 * of those that its own went with.
 * @param most how many are given at once.
 */
export function gathered<T>(
  most: number,
  give: (items: readonly T[]) => Promise<void>,
): (item: T) => Promise<void> {
  let waiting: Waiting<T>[] = [];
  let isGiving = false;

  async function giveAll(): Promise<void> {
    isGiving = true;
    while (waiting.length > 0) {
      const some = waiting.slice(0, most);
      waiting = waiting.slice(most);
      try {
        await give(some.map(({ item }) => item));
        for (const { resolve } of some) resolve();
      } catch (error) {
        for (const { reject } of some) reject(error);
      }
    }
    isGiving = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!isGiving) void giveAll();
    });
}

interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}
