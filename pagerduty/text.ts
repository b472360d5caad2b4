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
    .replace(hidden, '');
  if (visible.length <= max) return visible;
  // Room for what is told; neither half a pair nor a joiner stands at the cut.
  const room = Math.max(0, max - '… (cut,  more characters)'.length - String(visible.length).length);
  const kept = visible.slice(0, room).replace(/[\u200D\uD800-\uDBFF]+$/, '');
  return `${kept}… (cut, ${visible.length - kept.length} more characters)`;
}

/**
 * Control, format, private and ignorable characters, blank letters, noncharacters; a joiner that stands not between two emoji,
 * and a selector behind none. What is seen by its effect stays.
 */
const hidden = new RegExp(
  [
    String.raw`(?![\n\t\u200D\uFE0E\uFE0F])[\p{Cc}\p{Cf}\p{Co}\p{Default_Ignorable_Code_Point}\u2800\uFFFE\uFFFF]`,
    String.raw`(?<!\p{Extended_Pictographic}(?:\uFE0E|\uFE0F|\p{Emoji_Modifier})?)\u200D`,
    String.raw`\u200D(?!\p{Extended_Pictographic})`,
    String.raw`(?<!\p{Emoji})[\uFE0E\uFE0F]`,
  ].join('|'),
  'gu',
);

/** A text in one line with what hides in it shown by its number, such as `\u{200B}`: for whoever must see all of it before signing. */
export const revealed = (text: string): string =>
  text
    .toWellFormed()
    .replace(new RegExp(`${hidden.source}|[\\n\\t\\u2028\\u2029]`, 'gu'), (character) =>
      Array.from(character, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`).join(''),
    );

/** An answer nested deeper than this is no honest one. */
const deepest = 100;

/** `clean` on every string of a JSON value, keys too. */
export function cleanAll(value: unknown, depth = 0): unknown {
  if (depth > deepest) return '… (cut, nested too deep)';
  if (typeof value === 'string') return clean(value);
  if (Array.isArray(value)) return value.map((inner) => cleanAll(inner, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [clean(key), cleanAll(inner, depth + 1)]),
  );
}

/** One line of at most `max` characters, for a sentence or a title. */
export const oneLine = (text: string, max = 120): string =>
  clean(clean(text, Infinity).replace(/\s+/g, ' ').trim(), max);
