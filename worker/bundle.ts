import { renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

/** Builds the Workflows into the one file that Workers load: part of `npm run build`. */
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { code } = await bundleWorkflowCode({
  workflowsPath: here('../workflows/index.js'),
  logger: { ...console, log: () => {}, trace: () => {}, debug: () => {}, info: () => {} },
});
// At once: a Worker that starts meanwhile loads the old bundle or the new, never half.
const next = here(`../workflow-bundle.${process.pid}.js`);
writeFileSync(next, code);
renameSync(next, here('../workflow-bundle.js'));
