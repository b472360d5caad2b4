import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout, also from the folder into which this file is compiled. */
export const checkout = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package-lock.json'))) folder = dirname(folder);
  return folder;
})();

/** A table as Markdown; all columns but the first hold numbers. */
export const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

/**
 * Puts into a page of `docs/` what a command has measured, between the two marks that name the command.
 * @throws Error where the page has no such marks.
 */
export function writeInto(page: string, command: string, text: string): void {
  const file = join(checkout, 'docs', page);
  const [begin, end] = [`<!-- written by \`${command}\`: -->`, '<!-- until here -->'];
  const [before, rest = ''] = readFileSync(file, 'utf8').split(begin);
  const [, ...after] = rest.split(end);
  if (after.length === 0) throw new Error(`${page} has no place for this; it needs ${begin} and ${end}.`);
  writeFileSync(file, `${before}${begin}\n\n${text}\n\n${end}${after.join(end)}`);
}
