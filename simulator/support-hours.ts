import type { Service, Severity, SupportHours, Urgency } from './model.ts';
import { openTimes } from './schedules/restriction.ts';
import type { Span } from './schedules/span.ts';

/** The urgency of a new incident; `severity` null: no alert brought it. */
export function urgencyOf(service: Service, severity: Severity | null, now: number): Urgency {
  const choice = choiceAt(service, now);
  if (choice !== 'severity_based') return choice;
  return severity === 'warning' || severity === 'info' ? 'low' : 'high';
}

/** When a service next makes its open incidents of low urgency high; `undefined` where it never does. */
export function nextRaise({ supportHours, raisesUrgencyAt }: Service, now: number): number | undefined {
  if (!supportHours) return undefined;
  const edges = openHours(supportHours, now - dayMs, now + 8 * dayMs).flatMap(({ start, end }) => [
    ...(raisesUrgencyAt.includes('support_hours_start') ? [start] : []),
    ...(raisesUrgencyAt.includes('support_hours_end') ? [end] : []),
  ]);
  return edges.toSorted((a, b) => a - b).find((at) => at > now && at < now + 8 * dayMs);
}

function choiceAt({ urgencyRule, supportHours }: Service, now: number) {
  if (typeof urgencyRule === 'string') return urgencyRule;
  const isDuring = supportHours !== null && openHours(supportHours, now, now + 1).length > 0;
  return isDuring ? urgencyRule.during : urgencyRule.outside;
}

function openHours(hours: SupportHours, since: number, until: number): readonly Span[] {
  const { timeZone, startSecond, endSecond, weekdays } = hours;
  const durationSeconds = endSecond - startSecond + (endSecond > startSecond ? 0 : daySeconds);
  const restrictions = weekdays.map((weekday) => ({ weekday, startSecond, durationSeconds }));
  return restrictions.length === 0 ? [] : openTimes(restrictions, timeZone, since, until);
}

const daySeconds = 24 * 3600;
const dayMs = daySeconds * 1000;
