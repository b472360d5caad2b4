import { z } from 'zod';
import { fieldsIn } from '../input.ts';
import { Refusal } from '../refusal.ts';
import { isTimeZone } from '../schedules/zone.ts';

/**
 * What a request asks for under a root key, in this form. Fields that the form does not know are ignored, as PagerDuty does.
 * @throws Refusal 2001 with a sentence for each field that does not fit.
 */
export function readAsked<Form extends z.ZodType>(body: unknown, name: string, form: Form): z.output<Form> {
  const result = form.safeParse(fieldsIn(body, name));
  if (result.success) return result.data;
  throw new Refusal(2001, ...new Set(result.error.issues.map(({ message }) => message)));
}

/** A literal that PagerDuty wants in every new thing. */
export const typeOf = <Type extends string>(type: Type) => z.literal(type, `Type must be ${type}.`);

/** A text that says something, at most this long. */
export const textOf = (title: string, longest: number) =>
  z
    .string(`${title} cannot be empty.`)
    .refine((text) => text.trim() !== '', `${title} cannot be empty.`)
    .refine((text) => text.length <= longest, `${title} is too long (maximum is ${longest} characters).`);

/** A text or null; null where it is absent. */
export const optionalText = (title: string, longest = 10_000) =>
  z
    .string(`${title} must be a text.`)
    .max(longest, `${title} is too long (maximum is ${longest} characters).`)
    .nullish();

/** The id of what a reference names. */
export const referenceOf = (title: string) =>
  z
    .object({ id: z.string(`${title} cannot be empty.`) }, `${title} cannot be empty.`)
    .transform(({ id }) => id);

export const zoneOf = (title: string) =>
  z
    .string(`${title} is not included in the list.`)
    .refine(isTimeZone, `${title} is not included in the list.`);

/** Seconds after midnight. */
export const timeOf = (title: string) =>
  z
    .string(`${title} must be a time such as 09:00:00.`)
    .regex(/^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/, `${title} must be a time such as 09:00:00.`)
    .transform((text) => {
      const [hours = 0, minutes = 0, seconds = 0] = text.split(':').map(Number);
      return hours * 3600 + minutes * 60 + seconds;
    });

/** @throws Refusal 2001 where another thing has the name; case does not count. */
export function checkNameIsFree(
  things: ReadonlyMap<string, { readonly id: string; readonly name: string }>,
  name: string,
  ownId?: string,
): void {
  const wanted = name.trim().toLowerCase();
  for (const thing of things.values()) {
    if (thing.id !== ownId && thing.name.toLowerCase() === wanted) {
      throw new Refusal(2001, 'Name has already been taken.');
    }
  }
}
