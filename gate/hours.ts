import { z } from 'zod';

/** A time of every day in a zone: `08:00-20:00 Europe/Berlin`. It may go over midnight: `22:00-06:00 UTC`. */
export interface Hours {
  readonly text: string;
  /** Minutes since midnight; the beginning counts, the end does not. */
  readonly from: number;
  readonly to: number;
  readonly zone: string;
}

const form = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d) (\S+)$/;

export const Hours = z.string().transform((text, context): Hours => {
  const [, fromHour, fromMinute, toHour, toMinute, zone = ''] = form.exec(text) ?? [];
  const from = Number(fromHour) * 60 + Number(fromMinute);
  const to = Number(toHour) * 60 + Number(toMinute);
  if (Number.isNaN(from) || Number.isNaN(to) || to > 24 * 60 || from === to) {
    context.addIssue('hours are such as "08:00-20:00 Europe/Berlin"');
    return z.NEVER;
  }
  if (!isZone(zone)) {
    context.addIssue(noZone(zone));
    return z.NEVER;
  }
  return { text, from, to, zone };
});

/** Whether an instant (milliseconds since 1970) lies within the hours, by the clocks of their zone. */
export function isWithin({ from, to, zone }: Hours, at: number): boolean {
  const minutes = minuteOfDay(zone, at);
  return from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to;
}

/** What the clocks of the zone show: `14:05`. */
export function clockIn(zone: string, at: number): string {
  const minutes = minuteOfDay(zone, at);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function minuteOfDay(zone: string, at: number): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: 'numeric',
    minute: 'numeric',
    hourCycle: 'h23',
  }).formatToParts(at);
  const value = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  return value('hour') * 60 + value('minute');
}

const noZone = (zone: string): string => `${zone} is no time zone; it is such as Europe/Berlin or UTC`;

/** Why the name of a zone cannot be one on a server, which knows them as they are written; `undefined` where it can. */
export function zoneFault(zone: string): string | undefined {
  if (!/^[A-Za-z]/.test(zone) || !isZone(zone)) return noZone(zone);
  const known = new Intl.DateTimeFormat('en-GB', { timeZone: zone }).resolvedOptions().timeZone;
  const isOtherwiseWritten = known !== zone && known.toLowerCase() === zone.toLowerCase();
  return isOtherwiseWritten ? `${zone} is written ${known}` : undefined;
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
