/** How a bucket stands after a request was counted, or refused. */
export interface Standing {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Whole seconds until there is more, rounded up. */
  readonly resetSeconds: number;
}

/** One way of counting. What a bucket is (a key, a user, a key and an operation) is for the caller to say. */
export interface Limiter {
  /** Counts a request at an instant, in milliseconds; a refused one counts nothing. */
  readonly take: (bucket: string, now: number) => Standing;
}

/** So many requests in a window; a bucket's window opens with its first request, and the next with the first after it. */
export function fixedWindow(limit: number, windowSeconds: number): Limiter {
  const windows = new Map<string, { readonly endsAt: number; used: number }>();
  return {
    take(bucket, now) {
      let window = windows.get(bucket);
      if (!window || window.endsAt <= now) {
        window = { endsAt: now + windowSeconds * 1000, used: 0 };
        windows.set(bucket, window);
      }
      const allowed = window.used < limit;
      if (allowed) window.used += 1;
      return standing(allowed, limit, limit - window.used, window.endsAt - now);
    },
  };
}

/** So many requests in any stretch of time as long as the window. */
export function slidingWindow(limit: number, windowSeconds: number): Limiter {
  const windows = new Map<string, readonly number[]>();
  return {
    take(bucket, now) {
      const recent = (windows.get(bucket) ?? []).filter((at) => at > now - windowSeconds * 1000);
      const allowed = recent.length < limit;
      const counted = allowed ? [...recent, now] : recent;
      windows.set(bucket, counted);
      const [oldest = now] = counted;
      return standing(allowed, limit, limit - counted.length, oldest + windowSeconds * 1000 - now);
    },
  };
}

/** Whether a limit means "none": 0 and `Infinity` do. */
export const isOff = (limit: number): boolean => limit === 0 || limit === Number.POSITIVE_INFINITY;

/** PagerDuty's headers; only on answers for which a limit was looked at. */
export const budgetHeaders = ({ limit, remaining, resetSeconds }: Standing): Record<string, string> => ({
  'ratelimit-limit': String(limit),
  'ratelimit-remaining': String(remaining),
  'ratelimit-reset': String(resetSeconds),
});

const standing = (allowed: boolean, limit: number, remaining: number, resetMs: number): Standing => ({
  allowed,
  limit,
  remaining,
  resetSeconds: Math.ceil(resetMs / 1000),
});
