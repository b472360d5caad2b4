import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type AuditRecord, append, areThere, type Stamp } from './audit.ts';
import { type Store, type StoreTransaction, transact } from './audit-store.ts';

/** Writes a record of a release to a local file, while the store is away: giving back is never refused. */
export function journal(file: string, record: AuditRecord): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify({ id: randomUUID(), at: new Date().toISOString(), record })}\n`, {
    mode: 0o600,
    flush: true,
  });
}

/** Records of one transaction: while a long file is carried over, decisions go on in between. */
const carriedAtOnce = 50;

/**
 * Carries the file's records over into the store, each with the time it was written, and removes the file.
 * @returns how many there were.
 */
export async function carryOver(store: Store, file: string): Promise<number> {
  // A name of its own each time: what an earlier try left lying is not overwritten.
  const taken = `${file}.${randomUUID()}.carried`;
  try {
    renameSync(file, taken);
  } catch {
    // No file is the normal case; what a Worker left half carried is taken up below.
  }
  let count = 0;
  for (const name of readdirSafe(dirname(file))) {
    if (!name.startsWith(basename(file)) || !name.endsWith('.carried')) continue;
    const path = join(dirname(file), name);
    const written = readSafe(path).split('\n').flatMap(whole);
    for (let from = 0; from < written.length; from += carriedAtOnce) {
      const some = written.slice(from, from + carriedAtOnce);
      count += (await transact(store, (tx) => carry(tx, some), areThere)).length;
    }
    rmSync(path, { force: true });
  }
  return count;
}

/** Carries what was not carried before. */
async function carry(tx: StoreTransaction, lines: readonly Line[]): Promise<readonly Stamp[]> {
  const carried: Stamp[] = [];
  for (const { id, at, record } of lines) {
    // Spent like a statement: two sweeps that read the same file carry each line once, whoever dies meanwhile.
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('statements')
      .values({ jti: id, workflow_id: record.workflowId, first_run_id: record.runId, spent_at: at })
      .onConflict((conflict) => conflict.column('jti').doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows === 1n) carried.push(...(await append(tx, [record], new Date(at))));
  }
  return carried;
}

function readdirSafe(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The file's text; nothing where another sweep has just carried it. */
function readSafe(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

interface Line {
  readonly id: string;
  readonly at: string;
  readonly record: AuditRecord;
}

/** A line's record; nothing of a line that a dying Worker left half written. */
function whole(line: string): readonly Line[] {
  try {
    return [JSON.parse(line) as Line];
  } catch {
    return [];
  }
}
