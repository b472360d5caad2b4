import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { OncallError } from './errors.ts';

/**
 * Does `work` while no other process of ours changes `file`. A lock whose holder was killed is taken over.
 * @param patienceMs how long others may hold it; they need milliseconds.
 * @throws OncallError where others hold it for longer.
 */
export async function withLock<T>(file: string, work: () => T, patienceMs = 10_000): Promise<T> {
  const lock = `${file}.lock`;
  const until = Date.now() + patienceMs;
  const holder = [hostname(), process.pid, randomUUID()].join(' ');
  while (!isTakenBy(holder, lock)) {
    breakIfDead(lock);
    if (Date.now() > until)
      throw new OncallError(
        `Another call holds ${lock} for too long; nothing was changed. Remove that file if no other call is at work.`,
      );
    await sleep(20);
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** A lock appears whole or not at all: whoever reads it finds its holder. */
function isTakenBy(holder: string, lock: string): boolean {
  const mine = `${lock}.${process.pid}`;
  try {
    writeFileSync(mine, holder);
    linkSync(mine, lock);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw new OncallError(`${lock} cannot be made; its folder must be writable.`);
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Of several that find a dead holder one breaks its lock, and only that one: not the lock of whoever came next. */
function breakIfDead(lock: string): void {
  const holder = readLock(lock);
  const [host, pid, id] = holder?.split(' ') ?? [];
  if (host !== hostname() || !pid || !id || isAlive(Number(pid))) return;
  const claim = `${lock}.${id}`;
  try {
    writeFileSync(claim, '', { flag: 'wx' });
  } catch {
    return;
  }
  if (readLock(lock) === holder) rmSync(lock, { force: true });
  rmSync(claim, { force: true });
}

function readLock(lock: string): string | undefined {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Someone else's process is alive too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
