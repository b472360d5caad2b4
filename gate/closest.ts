import { distance, closest as nearest } from 'fastest-levenshtein';

/** The known word nearest to a misspelt one, where it is near at all. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const near = known.length === 0 ? undefined : nearest(word, known);
  return near !== undefined && distance(word, near) <= Math.max(2, word.length / 3) ? near : undefined;
}
