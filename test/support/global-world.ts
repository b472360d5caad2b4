import type { TestProject } from 'vitest/node';
import { provideServer } from './server.ts';
import { addUpProcesses } from './tally.ts';
import { isWhole, tell } from './whole.ts';

/** One real Temporal server for the worlds of a run, and what was searched of their processes, added up. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { folder, stop } = await provideServer(project, 32, { exactTimers: false });
  return async () => {
    tell(addUpProcesses(folder, isWhole(project, 'e2e', /support\/processes\.ts/)));
    await stop();
  };
}
