/** Does something for each, some at a time; gives what came of it where something did. */
export async function inTurns<T, Result>(
  all: readonly T[],
  atOnce: number,
  work: (one: T) => Promise<Result | undefined>,
): Promise<Result[]> {
  const done: Result[] = [];
  for (const lot of inLots(all, atOnce)) {
    const some = await Promise.all(lot.map(work));
    for (const result of some) if (result !== undefined) done.push(result);
  }
  return done;
}

/** Cuts all of them into lots of so many at most, in their order. */
export const inLots = <T>(all: readonly T[], most: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / most) }, (_, index) =>
    all.slice(index * most, (index + 1) * most),
  );
