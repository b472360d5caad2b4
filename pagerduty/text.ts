/** No text of PagerDuty's is longer than this once it is inside. Its own cap on notes is near. */
const longest = 25_000;

/**
 * PagerDuty's words as data: control and invisible characters removed (they hide instructions from people and not from
 * models), over-long text cut with what was cut told. Emoji stay whole.
 */
export function clean(text: string, max = longest): string {
  const visible = text
    .toWellFormed()
    .replace(/[\u2028\u2029]|\r\n?/g, '\n')
    .replace(betweenEmoji, joiner)
    .replace(hidden, (character) => (character === '\n' || character === '\t' ? character : ''))
    .replaceAll(joiner, '\u200D');
  if (visible.length <= max) return visible;
  return `${visible.slice(0, max).toWellFormed()}… (cut, ${visible.length - max} more characters)`;
}

const betweenEmoji =
  /(?<=\p{Extended_Pictographic}(?:\uFE0F|\p{Emoji_Modifier})?)\u200D(?=\p{Extended_Pictographic})/gu;

/** Control, format and private characters, blank letters (Hangul fillers, Braille blank), variation selectors that can carry bytes. */
const hidden = /[\p{Cc}\p{Cf}\p{Co}\u115F\u1160\u3164\uFFA0\u2800]|\u034F|[\u{E0100}-\u{E01EF}]/gu;

/** Stands in for a zero-width joiner between emoji while the others are removed; a noncharacter, so in no honest text. */
const joiner = '\uFFFE';

/** `clean` on every string of a JSON value, keys too. */
export function cleanAll(value: unknown): unknown {
  if (typeof value === 'string') return clean(value);
  if (Array.isArray(value)) return value.map(cleanAll);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [clean(key), cleanAll(inner)]));
}

/** One line of at most `max` characters, for a sentence or a title. */
export const oneLine = (text: string, max = 120): string => clean(text.replace(/\s+/g, ' ').trim(), max);
