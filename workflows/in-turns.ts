/** Does something for each, some at a time; gives what came of it where something did. */
export async function inTurns<T, Result>(
  all: readonly T[],
  atOnce: number,
  work: (one: T) => Promise<Result | undefined>,
): Promise<Result[]> {
  const done: Result[] = [];
  for (let from = 0; from < all.length; from += atOnce) {
    const some = await Promise.all(all.slice(from, from + atOnce).map(work));
    for (const result of some) if (result !== undefined) done.push(result);
  }
  return done;
}
