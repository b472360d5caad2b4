import { Temporal } from 'temporal-polyfill';
import type { Restriction } from '../model.ts';
import { clip, type Span, union } from './span.ts';
import { dayOf, instantOfWall } from './zone.ts';

/**
 * The time that any of the restrictions leaves open between two instants, in order. No restriction leaves all of it open.
 * Hours are those of the clock on the wall: 22:00 for ten hours ends at 08:00 in every night, however long it was.
 */
export function openTimes(
  restrictions: readonly Restriction[],
  zone: string,
  since: number,
  until: number,
): readonly Span[] {
  if (restrictions.length === 0) return [{ start: since, end: until }];
  return union(restrictions.flatMap((one) => clip(openTimesOf(one, zone, since, until), since, until)));
}

function openTimesOf(
  { weekday, startSecond, durationSeconds }: Restriction,
  zone: string,
  since: number,
  until: number,
): readonly Span[] {
  const spans: Span[] = [];
  const reachDays = Math.ceil((startSecond + durationSeconds) / daySeconds);
  const first = dayOf(since, zone).subtract({ days: reachDays });
  const last = dayOf(until, zone);
  const days = weekday === null ? 1 : 7;
  const ahead = weekday === null ? 0 : (weekday - first.dayOfWeek + 7) % 7;
  for (
    let day = first.add({ days: ahead });
    Temporal.PlainDate.compare(day, last) <= 0;
    day = day.add({ days })
  ) {
    const opens = day.toPlainDateTime().add({ seconds: startSecond });
    const closes = opens.add({ seconds: durationSeconds });
    spans.push({ start: instantOfWall(opens, zone), end: instantOfWall(closes, zone) });
  }
  return spans;
}

const daySeconds = 24 * 3600;
