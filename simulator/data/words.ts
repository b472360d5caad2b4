import { z } from 'zod';
import { isTimeZone } from '../schedules/zone.ts';

// The small words that a data file is made of.

export const Id = z
  .string()
  .regex(/^[A-Za-z0-9]{1,40}$/, 'an id is letters and digits, at most 40, such as PABC123');

/** One line. */
export const Name = z
  .string()
  .regex(/^(?=.*\S)\P{Cc}{1,255}$/u, 'a name is one line of text, at most 255 characters');

export const Instant = z.iso
  .datetime({ offset: true, error: 'an instant is ISO 8601 with its zone, such as 2026-06-24T09:00:00Z' })
  .transform((text) => Date.parse(text));

/** Seconds after midnight. */
export const TimeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/, 'a time of day is HH:MM or HH:MM:SS, in quotes')
  .transform((text) => {
    const [hours = 0, minutes = 0, seconds = 0] = text.split(':').map(Number);
    return hours * 3600 + minutes * 60 + seconds;
  });

export const TimeZone = z.string().refine(isTimeZone, 'a time zone has an IANA name, such as Europe/Berlin');

/** 1 is Monday. */
export const Weekday = z.int().min(1).max(7);

/** Seconds; null is off. */
export const Timeout = z.int().min(1).nullable().default(null);

export const Text = z.string().nullable().default(null);

/** A list that may be left out, or stand there with nothing under it. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z
    .array(item)
    .nullish()
    .transform((written) => written ?? []);
