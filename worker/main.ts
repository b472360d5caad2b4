import { fileURLToPath } from 'node:url';
import { StoreAway } from '../gate/audit-store.ts';
import { CannotStart, workerSettings } from './config.ts';
import { startWorker } from './index.ts';
import { installRuntime, makeLogger } from './log.ts';

/** How long a Worker whose parent was killed goes on. */
const orphanEndsWithinMs = 5_000;

/** The Worker as a process: `oncall worker` starts it. Prints one line on stdout once it works. */
async function main(): Promise<number> {
  try {
    const { logLevel, metricsAddress, isTraced, ...settings } = workerSettings();
    const log = makeLogger(logLevel);
    installRuntime(log, metricsAddress);
    const tracing = isTraced ? await (await import('./tracing.ts')).traceWorker(log) : undefined;
    const bundle = (name: string): string => fileURLToPath(new URL(`../${name}.js`, import.meta.url));
    const traced = tracing ? '-traced' : '';
    // Until it works there is nothing to end in order: a signal, or the end of the parent, ends it where it is.
    let stop = (): void => process.exit(1);
    const orphaned = (): void => {
      stop();
      // With the parent its server may be gone, and nothing that is drained would arrive.
      setTimeout(() => process.exit(1), orphanEndsWithinMs).unref();
    };
    if (process.argv.includes('--exit-with-parent')) process.stdin.on('end', orphaned).resume().unref();
    const worker = await startWorker({
      ...settings,
      workflowBundle: bundle(`workflow-bundle${traced}`),
      encryptingBundle: bundle(`workflow-bundle-encrypting${traced}`),
      showsMetrics: metricsAddress !== undefined,
      trace: tracing?.trace,
      log,
    });
    stop = worker.stop;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
    const { build } = settings;
    const as = build ? `, as build ${build.buildId} of ${build.deploymentName}` : '';
    process.stdout.write(`working on ${worker.accounts.join(', ')} in namespace ${worker.namespace}${as}\n`);
    await worker.stopped;
    await tracing?.close();
    return 0;
  } catch (error) {
    if (!(error instanceof CannotStart) && !(error instanceof StoreAway)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

process.exitCode = await main();
