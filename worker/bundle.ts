import { renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { failureConverterPath } from '../gate/payload-codec.ts';

/** Builds the Workflows into the files that Workers load, one each: part of `npm run build`. */
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
// The second hides what failures say, for Workers that encrypt: inside a Workflow nothing else can tell.
const bundles = { 'workflow-bundle': {}, 'workflow-bundle-encrypting': { failureConverterPath } };
for (const [name, converters] of Object.entries(bundles)) {
  const { code } = await bundleWorkflowCode({
    workflowsPath: here('../workflows/index.js'),
    ...converters,
    logger: { ...console, log: () => {}, trace: () => {}, debug: () => {}, info: () => {} },
  });
  // At once: a Worker that starts meanwhile loads the old bundle or the new, never half.
  const next = here(`../${name}.${process.pid}.js`);
  writeFileSync(next, code);
  renameSync(next, here(`../${name}.js`));
}
