import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { withLock } from '../../client/file-lock.ts';

/** A build takes seconds; on a busy machine, and behind another, more. */
const patienceMs = 300_000;

/**
 * Builds `dist/`, which the end-to-end tests run: what is tested is what is shipped. One run after the other: the second finds
 * nothing to write, so that no process of the first meets half a file.
 */
export default async function setup(): Promise<void> {
  const checkout = fileURLToPath(new URL('../..', import.meta.url));
  const build = (): void => {
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: checkout, stdio: 'inherit' });
  };
  await withLock(
    fileURLToPath(new URL('../../node_modules/.oncall-build', import.meta.url)),
    build,
    patienceMs,
  );
}
