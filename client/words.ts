import { oneLine } from '../pagerduty/text.ts';

/** What agents and PagerDuty's people write must not look like ours, nor move the cursor. */
export const said = (text: string, max = 200): string => oneLine(text, max);

/** `14:05:10 UTC`; with its day where that is another. */
export function clockOf(at: string | number, now = Date.now()): string {
  const iso = new Date(at).toISOString();
  const isToday = iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10);
  return `${isToday ? '' : `${iso.slice(0, 10)} `}${iso.slice(11, 19)} UTC`;
}

/** `37 s`, `12 min`, `3 h`, `2 days`: how long, as a person says it. */
export function spanOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
