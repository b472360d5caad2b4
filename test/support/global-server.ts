import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import { provideServer } from './server.ts';
import { addUp } from './tally.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The Workflow bundle. */
    readonly workflowBundle: string;
  }
}

/** One real Temporal server and one Workflow bundle for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { folder, stop } = await provideServer(project, 150, { exactTimers: true });
  const workflowBundle = join(folder, 'workflow-bundle.js');
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('WARN'),
  });
  writeFileSync(workflowBundle, code);
  project.provide('workflowBundle', workflowBundle);
  return async () => {
    const { lines, faults } = addUp(folder, isWhole(project));
    for (const line of lines) console.log(line);
    for (const fault of faults) console.error(`FAILED: ${fault}`);
    // An error that a teardown throws is printed, and the run stays green.
    if (faults.length > 0) process.exitCode = 1;
    await stop();
  };
}

/** Whether every test that sets a stage was run, so that a count of 0 means that nothing was looked at. */
function isWhole({ vitest }: TestProject): boolean {
  if (vitest.config.testNamePattern) return false;
  const folder = fileURLToPath(new URL('../integration', import.meta.url));
  const ran = new Set(vitest.state.getFiles().map(({ filepath }) => filepath));
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((file) => readFileSync(file, 'utf8').includes('support/stage.ts'))
    .every((file) => ran.has(file));
}
