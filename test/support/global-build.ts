import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { withLock } from '../../client/file-lock.ts';
import { addUpProcesses } from './tally.ts';
import { isWhole, tell } from './whole.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder in which each place of processes notes what was searched. */
    readonly searched: string;
  }
}

/** A build takes seconds; on a busy machine, and behind another, more. */
const patienceMs = 300_000;

/**
 * Builds `dist/`, which the end-to-end tests run: what is tested is what is shipped. One run after the other: the second finds
 * nothing to write, so that no process of the first meets half a file.
 */
export default async function setup(project: TestProject): Promise<() => void> {
  const checkout = fileURLToPath(new URL('../..', import.meta.url));
  const build = (): void => {
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: checkout, stdio: 'inherit' });
  };
  await withLock(
    fileURLToPath(new URL('../../node_modules/.oncall-build', import.meta.url)),
    build,
    patienceMs,
  );
  const folder = mkdtempSync(join(tmpdir(), 'oncall-searched-'));
  project.provide('searched', folder);
  return () => {
    tell(addUpProcesses(folder, isWhole(project, 'e2e', /support\/processes\.ts/)));
    rmSync(folder, { recursive: true, force: true });
  };
}
