import { createInterface } from 'node:readline/promises';
import { UsageError } from './errors.ts';

/**
 * Asks whoever sits there; `--yes` is the answer of those who do not.
 * @throws UsageError where nobody sits there and nothing was said.
 */
export async function confirm(
  question: string,
  { yes = false }: { readonly yes?: boolean },
): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new UsageError('Nothing was done: nobody is here to be asked. Say --yes to do it.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
