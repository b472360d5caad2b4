import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import { clientSettings } from '../../client/config.ts';
import { startTemporal } from '../../client/local-temporal.ts';
import { freePorts } from '../../client/ports.ts';
import { addUp } from './tally.ts';
import { isWhole, tell } from './whole.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the real Temporal server of this run. */
    readonly temporalAddress: string;
    /** Its namespaces; each test file claims one for itself. */
    readonly namespaces: readonly string[];
    /** Folder in which a claimed namespace has a folder. */
    readonly claims: string;
    /** The Workflow bundle. */
    readonly workflowBundle: string;
  }
}

/** One real Temporal server and one Workflow bundle for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-test-'));
  const namespaces = Array.from({ length: 150 }, (_, index) => `test-${index}`);
  const [port = 0, uiPort = 0] = await freePorts(2);
  const server = await startTemporal(
    clientSettings(),
    { port, uiPort, namespaces, exactTimers: true },
    console.log,
  );
  const workflowBundle = join(folder, 'workflow-bundle.js');
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('WARN'),
  });
  writeFileSync(workflowBundle, code);
  project.provide('temporalAddress', server.address);
  project.provide('namespaces', namespaces);
  project.provide('claims', folder);
  project.provide('workflowBundle', workflowBundle);
  return async () => {
    await server.stop();
    tell(addUp(folder, isWhole(project, 'integration', /support\/stage\.ts/)));
    rmSync(folder, { recursive: true, force: true });
  };
}
