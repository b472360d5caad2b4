import { spawn } from 'node:child_process';
import { Client } from '@temporalio/client';
import { searchAttributes } from '../workflows/contract.ts';
import { type ClientSettings, childEnvironment } from './config.ts';
import { connectionTo } from './connect.ts';
import { OncallError } from './errors.ts';
import { checkFree } from './ports.ts';
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
 * @throws OncallError where no server can be had, a port is taken, or the server ends before it answers.
 */
export async function startTemporal(
  settings: ClientSettings,
  options: Omit<LocalServerOptions, 'searchAttributes'>,
  tell: (sentence: string) => void,
): Promise<LocalTemporal> {
  const { port, uiPort } = options;
  await checkFree({ '--port': port, '--ui-port': uiPort });
  const { path } = await findTemporal(settings, tell);
  const names = Object.values(searchAttributes).map(({ name }) => name);
  const child = spawn(path, serverArguments({ ...options, searchAttributes: names }), {
    env: childEnvironment({}),
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let lastWords = '';
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
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  };
  const address = `127.0.0.1:${port}`;
  const answered = await Promise.race([answers(address), ended.then(() => false)]);
  if (!answered) {
    await stop();
    throw new OncallError(`The Temporal server did not start: ${lastWords.trim() || 'it said nothing'}`);
  }
  return { address, uiUrl: `http://127.0.0.1:${uiPort}`, ended, stop };
}

/** Waits until the server serves its namespace, and lets finished runs stay readable for a week. */
async function answers(address: string): Promise<boolean> {
  const until = Date.now() + answersWithinMs;
  while (Date.now() < until) {
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
