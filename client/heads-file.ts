import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SignedHead } from '../gate/audit-head.ts';
import { OncallError } from './errors.ts';

/** Where signed heads go unless another file is named. */
export const headsFile = (home: string): string => join(home, 'heads.jsonl');

/**
 * The file's text; `undefined` where there is no such file.
 * @throws OncallError where it is there and cannot be read.
 */
export function readHeadsFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new OncallError(
      `The signed heads in ${file} cannot be read; mend that, or name another with --head.`,
    );
  }
}

/** Adds a line. @param text what the file holds so far: a line that somebody left half written gets its end. */
export function addHead(file: string, head: SignedHead, text = ''): void {
  const open = text !== '' && !text.endsWith('\n') ? '\n' : '';
  try {
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, `${open}${JSON.stringify(head)}\n`, { flush: true });
  } catch {
    throw new OncallError(`${file} cannot be written; name another file with --head.`);
  }
}
