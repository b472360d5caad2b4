import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import type { Sum } from './tally.ts';

/**
 * Whether every test of a folder was run that takes something from one of these modules, so that a count of 0 means that
 * nothing was looked at.
 */
export function isWhole({ vitest }: TestProject, room: string, modules: RegExp): boolean {
  if (vitest.config.testNamePattern) return false;
  const folder = fileURLToPath(new URL(`../${room}`, import.meta.url));
  const ran = new Set(vitest.state.getFiles().map(({ filepath }) => filepath));
  return readdirSync(folder)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .filter((file) => modules.test(readFileSync(file, 'utf8')))
    .every((file) => ran.has(file));
}

/** Prints what a run looked at, and makes the run red where that is not as it must be. */
export function tell({ lines, faults }: Sum): void {
  for (const line of lines) console.log(line);
  for (const fault of faults) console.error(`FAILED: ${fault}`);
  // An error that a teardown throws is printed, and the run stays green.
  if (faults.length > 0) process.exitCode = 1;
}
