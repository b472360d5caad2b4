import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { searchAttributes } from '../workflows/contract.ts';
import { type ClientSettings, childEnvironment } from './config.ts';
import { connectionTo } from './connect.ts';
import { OncallError } from './errors.ts';
import { checkFree } from './ports.ts';
import { aborted, Stopped, stopChild } from './processes.ts';
import { findTemporal, type LocalServerOptions, serverArguments } from './temporal-server.ts';

/** A Temporal server on this machine. */
export interface LocalTemporal {
  readonly address: string;
  readonly uiUrl: string;
  /** Settles when the server has ended, however. */
  readonly ended: Promise<number>;
  readonly stop: () => Promise<void>;
}

/** How long a server may take until it answers. */
const answersWithinMs = 60_000;

/** How long finished runs stay readable. */
const retentionSeconds = 7 * 24 * 3_600;

/**
 * Starts a local Temporal server with our settings, and waits until it answers.
 * @throws OncallError where no server can be had, a port is taken, or the server ends before it answers; Stopped where it was
 * to stop.
 */
export async function startTemporal(
  settings: ClientSettings,
  options: Omit<LocalServerOptions, 'searchAttributes'>,
  tell: (sentence: string) => void,
  stopping: AbortSignal = new AbortController().signal,
): Promise<LocalTemporal> {
  const { port, uiPort } = options;
  await checkFree({ '--port': port, '--ui-port': uiPort });
  const { path } = await findTemporal(settings, tell, stopping);
  const names = Object.values(searchAttributes).map(({ name }) => name);
  const program = [path, ...serverArguments({ ...options, searchAttributes: names })];
  const child = spawn(process.execPath, ['--eval', withParent, ...program], {
    env: childEnvironment({}),
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let lastWords = '';
  child.stdin.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (words: string) => {
    lastWords = `${lastWords}${words}`.slice(-2_000);
  });
  const ended = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      lastWords = error.message;
      resolve(1);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  const stop = (): Promise<void> => stopChild(child, ended);
  const address = `127.0.0.1:${port}`;
  const over = Promise.race([ended, aborted(stopping)]);
  if (!(await Promise.race([answers(address, stopping), over.then(() => false)]))) {
    await stop();
    if (stopping.aborted) throw new Stopped();
    await Promise.race([closed, sleep(500)]);
    throw new OncallError(`The Temporal server did not start: ${lastWords.trim() || 'it said nothing'}`);
  }
  return { address, uiUrl: `http://127.0.0.1:${uiPort}`, ended, stop };
}

/**
 * Runs the program in its arguments for as long as its stdin is open: however we end, the server ends too. As text, so that
 * it is the same from the sources and from the build.
 */
const withParent = `
const end = () => {
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), 3_000).unref();
};
// First of all: ended between its start and this, the server would be alone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
const [command, ...args] = process.argv.slice(1);
const child = require('node:child_process').spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
child.on('error', (error) => {
  process.stderr.write(error.message);
  process.exit(1);
});
child.on('exit', (code) => process.exit(code ?? 1));
process.stdin.on('end', end).on('error', end).resume();
`;

/** Waits until the server serves its namespace, and lets finished runs stay readable for a week. */
async function answers(address: string, stopping: AbortSignal): Promise<boolean> {
  const until = Date.now() + answersWithinMs;
  while (Date.now() < until && !stopping.aborted) {
    try {
      const connection = await connectionTo({ address }, 1_000);
      const { workflowService } = new Client({ connection });
      await workflowService.updateNamespace({
        namespace: 'default',
        config: { workflowExecutionRetentionTtl: { seconds: retentionSeconds as never } },
      });
      await connection.close();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return false;
}
