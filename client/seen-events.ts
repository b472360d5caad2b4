/** An event that came in. */
interface Seen {
  /** Ids of runs that have heard of it. */
  readonly reached: Set<string>;
  /** What brings it to Temporal, while that is under way or once it is done; absent after it failed. */
  delivery: Promise<unknown> | undefined;
  isUnderWay: boolean;
}

/** The events that this process has had. */
export interface SeenEvents {
  /**
   * Does the work of an event once: of two that come at the same time both wait for the same, and after it is done nothing is
   * done again. After it failed the next one tries anew, and finds in `reached` whom the earlier ones reached.
   */
  readonly once: (
    event: string,
    work: (reached: Set<string>) => Promise<unknown>,
  ) => { readonly delivery: Promise<unknown>; readonly isFirst: boolean };
}

/** @param most how many are remembered; the oldest are forgotten first. */
export function seenEvents(most = 20_000): SeenEvents {
  const events = new Map<string, Seen>();
  return {
    once: (event, work) => {
      const seen: Seen = events.get(event) ?? { reached: new Set(), delivery: undefined, isUnderWay: false };
      if (seen.delivery) return { delivery: seen.delivery, isFirst: false };
      const delivery = work(seen.reached);
      seen.delivery = delivery;
      seen.isUnderWay = true;
      events.set(event, seen);
      delivery.then(
        () => {
          seen.isUnderWay = false;
        },
        () => {
          seen.isUnderWay = false;
          seen.delivery = undefined;
        },
      );
      for (const [oldest, { isUnderWay }] of events) {
        if (events.size <= most) break;
        if (!isUnderWay) events.delete(oldest);
      }
      return { delivery, isFirst: true };
    },
  };
}
