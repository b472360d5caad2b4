import { z } from 'zod';

/** The fields of a cron line, each with the values that it may have. */
const fields = [
  { name: 'minute', least: 0, most: 59, words: [] },
  { name: 'hour', least: 0, most: 23, words: [] },
  { name: 'dayOfMonth', least: 1, most: 31, words: [] },
  {
    name: 'month',
    least: 1,
    most: 12,
    words: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  // Seven is Sunday too, as everywhere.
  { name: 'dayOfWeek', least: 0, most: 7, words: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
] as const;
type Field = (typeof fields)[number];

/** When something is due: the values of each field, ascending; Sunday is 0. */
export type Times = { readonly [Name in Field['name']]: readonly number[] };

/** A cron line and what it means. */
export interface Cron {
  readonly text: string;
  readonly times: Times;
}

/** A line of five fields. What tools read differently is refused, so that nobody is woken by a guess. */
export const Cron = z.string().transform((text, context): Cron => {
  const parts = text.trim().split(/\s+/);
  const refuse = (message: string) => {
    context.addIssue(message);
    return z.NEVER;
  };
  if (parts.length !== fields.length)
    return refuse(
      `cron takes five fields: minute, hour, day of the month, month, day of the week, such as "0 8 * * 1"; there ${parts.length === 1 ? 'is 1' : `are ${parts.length}`}`,
    );
  const values: Partial<Record<Field['name'], readonly number[]>> = {};
  for (const [index, field] of fields.entries()) {
    const read = readField(field, parts[index] ?? '');
    if (typeof read === 'string') return refuse(read);
    values[field.name] = read;
  }
  const times = values as Times;
  if (!isEvery('dayOfMonth', times.dayOfMonth) && !isEvery('dayOfWeek', times.dayOfWeek))
    return refuse(
      'a line with days of the month and days of the week means either in one tool and both in another; write one of them as *, in two orders if need be',
    );
  if (!times.month.some((month) => (times.dayOfMonth[0] ?? 0) <= (longest[month - 1] ?? 0)))
    return refuse('no month of these has such a day, so it is never due');
  return { text: parts.join(' '), times };
});

/** How many days a month has at most. */
const longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The values of a field, or what is wrong with it. */
function readField(field: Field, text: string): readonly number[] | string {
  const called = field.name
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(' of ', ' of the ');
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const [, range = '', step] = /^([^/]+)(?:\/([1-9]\d?))?$/.exec(part) ?? [];
    const [from = '', to, ...more] = range.split('-');
    const first = range === '*' ? field.least : valueOf(field, from);
    // The second Sunday, 7, is not one more day of every week.
    const whole = field.name === 'dayOfWeek' ? 6 : field.most;
    const last = range === '*' ? whole : to === undefined ? first : valueOf(field, to);
    if (first === undefined || last === undefined || more.length > 0 || first > last)
      return `${called} takes ${field.least} to ${field.most}, such as * or 1,3 or 1-5 or */2; not ${part || 'nothing'}`;
    if (step !== undefined && range !== '*' && to === undefined)
      return `${called} ${part} means different things in different tools; write the end: ${from}-${whole}/${step}`;
    for (let value = first; value <= last; value += Number(step ?? 1))
      found.add(field.name === 'dayOfWeek' ? value % 7 : value);
  }
  return [...found].toSorted((a, b) => a - b);
}

function valueOf({ words, least, most }: Field, text: string): number | undefined {
  const named = (words as readonly string[]).indexOf(text.toLowerCase());
  const value =
    named >= 0 ? named + (least === 1 ? 1 : 0) : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}

/** Whether a field says nothing. */
function isEvery(name: Field['name'], values: readonly number[]): boolean {
  const { least = 0, most = 0 } = fields.find((field) => field.name === name) ?? {};
  return values.length === (name === 'dayOfWeek' ? 7 : most - least + 1);
}

/** Times as one line, the same for the same times however they were written. */
export const cronOf = (times: Times): string =>
  fields.map(({ name }) => (isEvery(name, times[name]) ? '*' : spans(times[name]))).join(' ');

/** `1-5,7`. */
function spans(values: readonly number[]): string {
  const parts: string[] = [];
  for (let index = 0; index < values.length; index += 1) {
    const first = values[index] ?? 0;
    let last = first;
    while (values[index + 1] === last + 1) {
      last += 1;
      index += 1;
    }
    parts.push(last === first ? `${first}` : last === first + 1 ? `${first},${last}` : `${first}-${last}`);
  }
  return parts.join(',');
}
