import type { Signed } from './contract.ts';

/** The longest statement that is looked at, in characters; an honest one has some 400. */
export const longestStatement = 2_000;

/** The longest Update that is taken, in characters of JSON, with all that comes with it; an honest one has some 30,000 at most. */
const longestUpdate = 100_000;

/**
 * A validator that first refuses what is longer than any honest Update, whatever fills it: what is taken stands in the history of
 * the run, and the server ends a run whose history grows too big.
 */
export const brief =
  <Said extends unknown[]>(check?: (...said: Said) => void) =>
  (...said: Said): void => {
    if (JSON.stringify(said).length > longestUpdate)
      throw new Error('An Update has at most 100,000 characters.');
    check?.(...said);
  };

/**
 * Refuses what carries no statement, or one that nobody needs to look at.
 * @throws Error which the validator of an Update passes on.
 */
export function checkSigned(words: Partial<Signed<object>> | undefined, by: string): void {
  const { value, statement } = words ?? {};
  const isSigned = typeof statement === 'string' && statement.length <= longestStatement;
  if (!isSigned || typeof value !== 'object' || value === null)
    throw new Error(`Send { value, statement }: ${by}.`);
}

/**
 * Refuses a name and a reason longer than anybody reads. Of words that are a megabyte the server takes no acceptance, and the run
 * would stand still.
 * @throws Error which the validator of an Update passes on.
 */
export function checkShort({ by, reason }: { readonly by?: unknown; readonly reason?: unknown } = {}): void {
  for (const words of [by, reason])
    if (words !== undefined && (typeof words !== 'string' || words.length > 1_000))
      throw new Error('Send { by, reason }: texts of at most 1,000 characters.');
}

/**
 * What somebody says of himself in an Update that asks for no proof, as it may stand in sentences and lists: one line, and
 * short. Whoever reaches the server can say anything, and a run whose lists overflow stands still.
 */
export function asSaid(words: unknown, otherwise: string, most = 60): string {
  const line = (typeof words === 'string' ? words : '').replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
  if (line === '') return otherwise;
  return shortened(line, most);
}

/** A text of so many characters at most; the last is … where it was cut. */
export const shortened = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
