/** Writes an instant as PagerDuty does. */
export type Stamp = (at: number) => string;

/** ISO 8601 in UTC, whole seconds. */
export const stampUtc: Stamp = (at) => new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z');

/**
 * ISO 8601 in a time zone, whole seconds, with its offset.
 * @throws RangeError for a zone that IANA does not know.
 */
export function stampIn(timeZone: string): Stamp {
  // Swedish dates are ISO dates.
  const local = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return (at) => {
    const [date, time] = local.format(at).split(' ');
    const minutes = Math.round((Date.parse(`${date}T${time}Z`) - at) / 60_000);
    return minutes === 0 ? stampUtc(at) : `${date}T${time}${minutes < 0 ? '-' : '+'}${offset(minutes)}`;
  };
}

/** Reads ISO 8601: the time may be missing, the zone too (then UTC, the simulated account's own); `undefined` for nonsense. */
export function instantOf(text: string): number | undefined {
  const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(
    text.trim(),
  );
  if (!parts) return undefined;
  const [, date, time = '00:00', zone = 'Z'] = parts;
  const instant = Date.parse(`${date}T${time}${zone.replace(/(\d\d)(\d\d)$/, '$1:$2')}`);
  return Number.isNaN(instant) ? undefined : instant;
}

/** The same day and time some months later or earlier; the month's last day where it has no such day. */
export function addMonths(at: number, months: number): number {
  const date = new Date(at);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  return date.setUTCDate(Math.min(day, lastDay));
}

/** `HH:MM:SS` of so many seconds after midnight. */
export const timeOfDay = (second: number): string => new Date(second * 1000).toISOString().slice(11, 19);

function offset(minutes: number): string {
  const hours = Math.trunc(Math.abs(minutes) / 60);
  return `${String(hours).padStart(2, '0')}:${String(Math.abs(minutes) % 60).padStart(2, '0')}`;
}
