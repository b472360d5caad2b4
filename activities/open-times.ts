import { Temporal } from 'temporal-polyfill';
import type { Hours } from '../gate/hours.ts';
import type { Span } from '../workflows/coverage.ts';

/**
 * When the hours are open between two instants (milliseconds since 1970), in order: exactly where `isWithin` says so. Worked out
 * one stretch of equal offset after the other, so that a change of the clocks skips what the wall skips and repeats what it repeats.
 * In an Activity, because what zones do changes with the machine's data, and a Workflow is replayed.
 * @param days on which they open, 1 is Monday; all where absent.
 */
export function openTimes(
  { from, to, zone }: Hours,
  { start: since, end: until }: Span,
  days?: readonly number[],
): readonly Span[] {
  const spans: Span[] = [];
  const add = (start: number, end: number): void => {
    const last = spans.at(-1);
    if (start >= end) return;
    if (last?.end === start) spans[spans.length - 1] = { start: last.start, end };
    else spans.push({ start, end });
  };
  const length = (to > from ? to - from : to - from + minutesOfDay) * minuteMs;
  for (let start = since; start < until; ) {
    const here = Temporal.Instant.fromEpochMilliseconds(start).toZonedDateTimeISO(zone);
    const change = here.getTimeZoneTransition('next')?.epochMilliseconds ?? Number.POSITIVE_INFINITY;
    const end = Math.min(change, until);
    const offset = here.offsetNanoseconds / 1e6;
    const last = Math.floor((end + offset) / dayMs);
    // What opened the evening before may still be open.
    for (let day = Math.floor((start + offset) / dayMs) - 1; day <= last; day += 1) {
      if (days && !days.includes(weekdayOf(day))) continue;
      const opens = day * dayMs + from * minuteMs - offset;
      add(Math.max(opens, start), Math.min(opens + length, end));
    }
    start = end;
  }
  return spans;
}

/** 1 is Monday; day 0 of 1970 was a Thursday. */
const weekdayOf = (day: number): number => ((((day + 3) % 7) + 7) % 7) + 1;

const minuteMs = 60_000;
const minutesOfDay = 24 * 60;
const dayMs = minutesOfDay * minuteMs;
