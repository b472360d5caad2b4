import { fileURLToPath } from 'node:url';
import { StoreAway } from '../gate/audit-store.ts';
import { CannotStart, workerSettings } from './config.ts';
import { startWorker } from './index.ts';
import { installLogger, makeLogger } from './log.ts';

/** The Worker as a process: `oncall worker` starts it. Prints one line on stdout once it works. */
async function main(): Promise<number> {
  const { logLevel, ...settings } = workerSettings();
  const log = makeLogger(logLevel);
  installLogger(log);
  try {
    const worker = await startWorker({
      ...settings,
      workflowBundle: fileURLToPath(new URL('../workflow-bundle.js', import.meta.url)),
      log,
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, worker.stop);
    if (process.argv.includes('--exit-with-parent')) process.stdin.on('end', worker.stop).resume().unref();
    process.stdout.write(`working on ${worker.accounts.join(', ')} in namespace ${worker.namespace}\n`);
    await worker.stopped;
    return 0;
  } catch (error) {
    if (!(error instanceof CannotStart) && !(error instanceof StoreAway)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

process.exitCode = await main();
