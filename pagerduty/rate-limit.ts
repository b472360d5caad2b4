/** Header name → value or values, lower case, as undici gives them. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

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
