import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import { clientSettings } from '../../client/config.ts';
import { startTemporal } from '../../client/local-temporal.ts';
import { freePorts } from '../../client/ports.ts';
import { clearHistories } from '../replay/recorder.ts';
import { addUp } from './tally.ts';

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
  if (process.env['RECORD_HISTORIES']) clearHistories();
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
    const { lines, faults } = addUp(folder, isWhole(project));
    for (const line of lines) console.log(line);
    for (const fault of faults) console.error(`FAILED: ${fault}`);
    // An error that a teardown throws is printed, and the run stays green.
    if (faults.length > 0) process.exitCode = 1;
    rmSync(folder, { recursive: true, force: true });
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
