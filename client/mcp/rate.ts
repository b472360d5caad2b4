/** So many at once, then so many a second. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Counts calls by name. */
export interface Limiter {
  /** Seconds until the next call of this name is taken; 0 where this one is. */
  readonly take: (name: string) => number;
}

/** How many names are remembered; who has not called for longest has a full bucket again by then. */
const mostNames = 10_000;

/** A bucket of calls for each name, filled again as time goes by. */
export function limiter({ burst, perSecond }: Rate, now: () => number = Date.now): Limiter {
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    take: (name) => {
      const at = now();
      const { left: before, at: last } = buckets.get(name) ?? { left: burst, at };
      const left = Math.min(burst, before + ((at - last) / 1_000) * perSecond);
      const isTaken = left >= 1;
      buckets.delete(name);
      buckets.set(name, { left: isTaken ? left - 1 : left, at });
      for (const oldest of buckets.keys()) {
        if (buckets.size <= mostNames) break;
        buckets.delete(oldest);
      }
      return isTaken ? 0 : (1 - left) / perSecond;
    },
  };
}
