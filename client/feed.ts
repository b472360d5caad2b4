/** What a receiver has seen of the feeds of its accounts since it started. */
export interface Feed {
  readonly answered: (account: string, status: number) => void;
  /** A ping came in, for the first time, that PagerDuty signed. */
  readonly pinged: (account: string, subscription: string) => void;
  readonly of: (account: string) => {
    /** How many deliveries were answered, by status. */
    readonly answered: Readonly<Record<string, number>>;
    /** When the last one was taken, ISO 8601; `null` where none was. */
    readonly lastTaken: string | null;
    /** Id of a subscription → when its last ping came, ISO 8601. */
    readonly pings: Readonly<Record<string, string>>;
  };
}

/** Subscriptions of an account whose pings are remembered. */
const most = 200;

export function feedOf(now: () => number): Feed {
  const accounts = new Map<
    string,
    { readonly statuses: Map<number, number>; readonly pings: Map<string, string>; lastTaken: string | null }
  >();
  const of = (account: string) => {
    const known = accounts.get(account);
    if (known) return known;
    const fresh = { statuses: new Map<number, number>(), pings: new Map<string, string>(), lastTaken: null };
    accounts.set(account, fresh);
    return fresh;
  };
  const instant = (): string => new Date(now()).toISOString();
  return {
    answered: (account, status) => {
      const { statuses } = of(account);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 202) of(account).lastTaken = instant();
    },
    pinged: (account, subscription) => {
      const { pings } = of(account);
      pings.delete(subscription);
      pings.set(subscription, instant());
      for (const oldest of pings.keys()) {
        if (pings.size <= most) break;
        pings.delete(oldest);
      }
    },
    of: (account) => {
      const { statuses, pings, lastTaken } = of(account);
      return { answered: Object.fromEntries(statuses), lastTaken, pings: Object.fromEntries(pings) };
    },
  };
}
