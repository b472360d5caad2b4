/** Room for some things at a time. */
export interface Slots {
  /** Takes a slot, and waits for one where all are taken; `false` where none became free in time. Whoever has waited longest is next. */
  readonly take: (withinMs: number) => Promise<boolean>;
  /** Gives one back. */
  readonly free: () => void;
}

export function slotsOf(most: number): Slots {
  const waiting = new Set<() => void>();
  let taken = 0;
  return {
    take: (withinMs) => {
      if (taken < most) {
        taken += 1;
        return Promise.resolve(true);
      }
      return new Promise((resolve) => {
        const next = (): void => {
          clearTimeout(timer);
          resolve(true);
        };
        const timer = setTimeout(() => {
          waiting.delete(next);
          resolve(false);
        }, withinMs);
        waiting.add(next);
      });
    },
    free: () => {
      const [next] = waiting;
      if (next === undefined) {
        taken -= 1;
        return;
      }
      waiting.delete(next);
      next();
    },
  };
}
