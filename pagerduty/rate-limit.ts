import type { OperationName } from './catalogue/index.ts';

/** Header name → value or values, lower case, as undici gives them. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** How PagerDuty said that a limit stands, after it counted a request. */
export interface Standing {
  readonly limit: number;
  readonly remaining: number;
  /** Until there is more, in milliseconds: the end of a window, or of the oldest request in it, or the next token. */
  readonly resetMs: number;
}

/** Who counts what leaves, and hears what PagerDuty says of its limits. */
export interface Meter {
  /** Milliseconds for which a request must not leave, because PagerDuty would refuse it; 0 where it may. */
  readonly waitMs: (name: OperationName) => number;
  /** Counts a request that leaves now; what it gives hears of the answer. */
  readonly leaves: (name: OperationName) => (standing: Standing | undefined) => void;
}

/** How a limit stands, from the headers of an answer; `undefined` where they do not say. */
export function standingOf(headers: Headers): Standing | undefined {
  const [limit = 0, remaining = 0, seconds = 0] = ['limit', 'remaining', 'reset'].map((what) =>
    Number(first(headers[`ratelimit-${what}`]) ?? Number.NaN),
  );
  if (!(limit > 0) || !(remaining >= 0) || !(seconds >= 0)) return undefined;
  if (![limit, remaining, seconds].every(Number.isFinite)) return undefined;
  return { limit, remaining, resetMs: Math.ceil(seconds * 1_000) };
}

/**
 * Milliseconds to wait before the next call, from a 429's headers: `ratelimit-reset` is whole seconds.
 * Absent or senseless header → `undefined`: PagerDuty may send a bare 429; Temporal's own back-off then applies.
 * @see https://developer.pagerduty.com/docs/rest-api-rate-limits
 */
export function retryAfterMs(headers: Headers): number | undefined {
  const seconds = Number(first(headers['ratelimit-reset']) ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? Math.ceil(seconds * 1000) : undefined;
}

/** A header's first value. */
export const first = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.[0];
