import { Temporal } from 'temporal-polyfill';

/** Whether IANA, or one of its older names, knows the zone. */
export function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

/** What the clock on the wall shows at an instant. */
export const wallTime = (at: number, zone: string): Temporal.PlainDateTime =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toPlainDateTime();

/** When the clock on the wall shows this: the first time where it does so twice, as much later where it skips it. */
export const instantOfWall = (wall: Temporal.PlainDateTime, zone: string): number =>
  wall.toZonedDateTime(zone, { disambiguation: 'compatible' }).epochMilliseconds;

/** Midnight of the day that an instant falls on. */
export const dayOf = (at: number, zone: string): Temporal.PlainDate => wallTime(at, zone).toPlainDate();
