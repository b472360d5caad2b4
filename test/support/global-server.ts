import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import { provideServer } from './server.ts';
import { addUp } from './tally.ts';
import { isWhole, tell } from './whole.ts';

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
    tell(addUp(folder, isWhole(project, 'integration', /support\/stage\.ts/)));
    await stop();
  };
}
