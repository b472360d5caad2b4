import parseDuration from 'parse-duration';
import { UsageError } from './errors.ts';

/**
 * A span of time from the command line, such as `30s` or `1h 30m`, in milliseconds.
 * @throws UsageError where it is none, or out of bounds.
 */
export function spanOf(text: string, option: string, [least, most]: readonly [string, string]): number {
  const ms = /^(\d+(\.\d+)?\s*[a-z]+\s*)+$/i.test(text) ? parseDuration(text) : null;
  if (ms !== null && ms >= (parseDuration(least) ?? 0) && ms <= (parseDuration(most) ?? 0)) return ms;
  throw new UsageError(
    `${option} takes a span of time from ${least} to ${most}, with its unit, such as 30s; not ${JSON.stringify(text)}.`,
  );
}
