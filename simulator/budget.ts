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
  /** How it would stand, counting nothing: `allowed` says whether a request would pass. */
  readonly look: (bucket: string, now: number) => Standing;
}

/** So many requests in a window; a bucket's window opens with its first request, and the next with the first after it. */
export function fixedWindow(limit: number, windowSeconds: number): Limiter {
  const windows = new Map<string, { readonly endsAt: number; readonly used: number }>();
  return limiter((bucket, now, wanted) => {
    const last = windows.get(bucket);
    const { endsAt, used } =
      last && last.endsAt > now ? last : { endsAt: now + windowSeconds * 1000, used: 0 };
    const allowed = used < limit;
    const counted = used + (allowed ? wanted : 0);
    if (wanted > 0) windows.set(bucket, { endsAt, used: counted });
    return standing(allowed, limit, limit - counted, endsAt - now);
  });
}

/** So many requests in any stretch of time as long as the window. */
export function slidingWindow(limit: number, windowSeconds: number): Limiter {
  const buckets = new Map<string, Instants>();
  const windowMs = windowSeconds * 1000;
  return limiter((bucket, now, wanted) => {
    const recent = buckets.get(bucket) ?? new Instants();
    recent.dropUntil(now - windowMs);
    const allowed = recent.size < limit;
    if (allowed && wanted > 0) recent.add(now);
    buckets.set(bucket, recent);
    return standing(allowed, limit, limit - recent.size, (recent.oldest ?? now) + windowMs - now);
  });
}

/** A bucket of so many that fills evenly, at so many a window; each request takes one. */
function tokenBucket(limit: number, windowSeconds: number): Limiter {
  const msPerToken = (windowSeconds * 1000) / limit;
  /** When each bucket will be full again, in milliseconds: a full one is as if it had never been used. */
  const fullAt = new Map<string, number>();
  return limiter((bucket, now, wanted) => {
    const missing = Math.max((fullAt.get(bucket) ?? now) - now, 0) / msPerToken;
    const allowed = missing <= limit - 1 + rounding;
    const taken = missing + (allowed ? wanted : 0);
    if (wanted > 0 && allowed) fullAt.set(bucket, now + taken * msPerToken);
    const remaining = Math.max(Math.floor(limit - taken + rounding), 0);
    // The next whole one; a full bucket has none to come.
    const nextMs = Math.max((taken - Math.max(limit - remaining - 1, 0)) * msPerToken, 0);
    return standing(allowed, limit, remaining, nextMs);
  });
}

/** Tokens are fractions; what is lost in adding them up must not cost a request. */
const rounding = 1e-9;

/** The ways of counting by the names that `--rate-algorithm` takes. */
export const rateAlgorithms = {
  'fixed-window': fixedWindow,
  'sliding-window': slidingWindow,
  'token-bucket': tokenBucket,
} as const;

export type RateAlgorithm = keyof typeof rateAlgorithms;

/** Whether a limit means "none": 0 and `Infinity` do. */
export const isOff = (limit: number): boolean => limit === 0 || limit === Number.POSITIVE_INFINITY;

/** PagerDuty's headers; only on answers for which a limit was looked at. */
export const budgetHeaders = ({ limit, remaining, resetSeconds }: Standing): Record<string, string> => ({
  'ratelimit-limit': String(limit),
  'ratelimit-remaining': String(remaining),
  'ratelimit-reset': String(resetSeconds),
});

const limiter = (count: (bucket: string, now: number, wanted: 0 | 1) => Standing): Limiter => ({
  take: (bucket, now) => count(bucket, now, 1),
  look: (bucket, now) => count(bucket, now, 0),
});

const standing = (allowed: boolean, limit: number, remaining: number, resetMs: number): Standing => ({
  allowed,
  limit,
  remaining,
  resetSeconds: Math.ceil(resetMs / 1000),
});

/** Instants in the order they came, of which the oldest go first. */
class Instants {
  #all: number[] = [];
  #gone = 0;

  get size(): number {
    return this.#all.length - this.#gone;
  }

  get oldest(): number | undefined {
    return this.#all[this.#gone];
  }

  add(instant: number): void {
    this.#all.push(instant);
  }

  dropUntil(last: number): void {
    for (let oldest = this.oldest; oldest !== undefined && oldest <= last; oldest = this.oldest)
      this.#gone += 1;
    if (this.#gone < 1024 && this.#gone < this.#all.length) return;
    this.#all = this.#all.slice(this.#gone);
    this.#gone = 0;
  }
}
