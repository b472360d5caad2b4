import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client } from '@temporalio/client';
import { clientSettings } from '../../client/config.ts';
import { connectionTo } from '../../client/connect.ts';
import { freePorts } from '../../client/ports.ts';
import { findTemporal, serverArguments, serverEnvironment } from '../../client/temporal-server.ts';
import { searchAttributes } from '../../workflows/contract.ts';
import { until } from '../support/until.ts';

/** A real Temporal server as a process of ours, which can be killed and started again on what it had written. */
export interface Server {
  readonly address: string;
  readonly namespaces: readonly string[];
  /** SIGKILL; settles once it is dead. */
  readonly kill: () => Promise<void>;
  /** Starts it again, at the same address. */
  readonly start: () => Promise<void>;
}

/**
 * How servers and Workers are started: behind us, who play PagerDuty. It is not slow because this machine has too much to do; with
 * an answer that comes after eight seconds the matrix would play another fault than it says.
 */
export const behind = ['-n', '5'] as const;

/** @param db the file of its database; in memory where absent, and then gone when it is killed. */
export async function startServer(
  namespaces: readonly string[],
  db: string | undefined,
  say: (sentence: string) => void,
): Promise<Server> {
  const { path } = await findTemporal(clientSettings(), say);
  const [port = 0, uiPort = 0] = await freePorts(2);
  const names = Object.values(searchAttributes).map(({ name }) => name);
  const args = serverArguments({ port, uiPort, db, namespaces, searchAttributes: names, exactTimers: true });
  const address = `127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn('nice', [...behind, path, ...args], { env: serverEnvironment(), stdio: 'ignore' });
    await until('the Temporal server answers', () => answers(address, namespaces));
  };
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const dead = once(child, 'exit');
    child.kill('SIGKILL');
    await dead;
  };
  // However we end, it ends too.
  process.on('exit', () => child?.kill('SIGKILL'));
  await start();
  return { address, namespaces, kill, start };
}

async function answers(address: string, namespaces: readonly string[]): Promise<boolean> {
  try {
    const connection = await connectionTo({ address }, 1_000);
    try {
      for (const namespace of namespaces) {
        const { workflowService } = new Client({ connection, namespace });
        await workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: 'oncall' },
          taskQueueType: 1,
        });
      }
      return true;
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
}
