import { renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { failureConverterPath } from '../gate/payload-codec.ts';
import type { WorkflowName } from '../workflows/contract.ts';
import type * as workflows from '../workflows/index.ts';
import { workflowInterceptorModules } from './tracing.ts';

// A Workflow that agents start, and that no Worker would know, does not compile.
type Unknown = Exclude<WorkflowName, keyof typeof workflows>;
true satisfies [Unknown] extends [never] ? true : Unknown;

/** Builds the Workflows into the files that Workers load, one each: part of `npm run build`. */
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
// Hides what failures say, for Workers that encrypt: inside a Workflow nothing else can tell.
const encrypting = { failureConverterPath };
// Every run evaluates all of its bundle, so who keeps no traces has nothing of OpenTelemetry in it.
const traced = { workflowInterceptorModules };
const bundles = {
  'workflow-bundle': {},
  'workflow-bundle-encrypting': encrypting,
  'workflow-bundle-traced': traced,
  'workflow-bundle-encrypting-traced': { ...encrypting, ...traced },
};
for (const [name, more] of Object.entries(bundles)) {
  const { code } = await bundleWorkflowCode({
    workflowsPath: here('../workflows/index.js'),
    ...more,
    logger: { ...console, log: () => {}, trace: () => {}, debug: () => {}, info: () => {} },
  });
  // At once: a Worker that starts meanwhile loads the old bundle or the new, never half.
  const next = here(`../${name}.${process.pid}.js`);
  writeFileSync(next, code);
  renameSync(next, here(`../${name}.js`));
}
