import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type AuditRecord, append } from './audit.ts';
import { type Store, transact } from './audit-store.ts';

/** Writes a record of a release to a local file, while the store is away: giving back is never refused. */
export function journal(file: string, record: AuditRecord): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), record })}\n`, {
    mode: 0o600,
    flush: true,
  });
}

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
    const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
    const written = lines.map((line) => JSON.parse(line) as { at: string; record: AuditRecord });
    await transact(store, async (tx) => {
      for (const { at, record } of written) await append(tx, [record], new Date(at));
    });
    rmSync(path, { force: true });
    count += written.length;
  }
  return count;
}

function readdirSafe(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
