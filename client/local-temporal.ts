import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { oneLine } from '../pagerduty/text.ts';
import { searchAttributes, workflowTaskQueue } from '../workflows/contract.ts';
import type { ClientSettings } from './config.ts';
import { connectionTo } from './connect.ts';
import { OncallError } from './errors.ts';
import { checkFree } from './ports.ts';
import { aborted, Stopped, stopChild } from './processes.ts';
import {
  findTemporal,
  type LocalServerOptions,
  serverArguments,
  serverEnvironment,
} from './temporal-server.ts';

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
  for (let left = mostStarts; ; left -= 1) {
    const server = launch(program);
    const { ended, stop, lastWords } = server;
    const over = new AbortController();
    const early = Promise.race([ended, aborted(stopping)]).then(() => over.abort());
    if (await Promise.race([answers(port, over.signal), early.then(() => false)])) {
      return { address: `127.0.0.1:${port}`, uiUrl: `http://127.0.0.1:${uiPort}`, ended, stop };
    }
    const endedByItself = server.hasEnded();
    await stop();
    over.abort();
    if (stopping.aborted) throw new Stopped();
    if (endedByItself && left > 1) continue;
    throw new OncallError(
      `The Temporal server did not start: ${(await lastWords()) || 'it said nothing'}. Does \`${path} server start-dev\` run?`,
    );
  }
}

/** How often a server is started that ends at once: it picks ports of its own besides ours, and others may be faster. */
const mostStarts = 3;

interface Launched extends Pick<LocalTemporal, 'ended' | 'stop'> {
  readonly hasEnded: () => boolean;
  /** The last line that it said. */
  readonly lastWords: () => Promise<string>;
}

function launch(program: readonly string[]): Launched {
  const child = spawn(process.execPath, ['--eval', withParent, ...program], {
    env: serverEnvironment(),
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let words = '';
  child.stdin.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = `${words}${text}`.slice(-10_000);
  });
  const ended = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      words = error.message;
      resolve(1);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  return {
    ended,
    stop: () => stopChild(child, ended),
    hasEnded: () => child.exitCode !== null || child.pid === undefined,
    lastWords: async () => {
      // They may still be on their way; whoever inherited the pipe may hold it open for longer.
      await Promise.race([closed, sleep(500)]);
      return oneLine(words.trim().split('\n').at(-1) ?? '', 500).replace(/\.$/, '');
    },
  };
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
async function answers(port: number, over: AbortSignal): Promise<boolean> {
  const until = Date.now() + answersWithinMs;
  while (Date.now() < until && !over.aborted) {
    let connection: Connection | undefined;
    try {
      connection = await connectionTo({ address: `127.0.0.1:${port}` }, 1_000, over);
      const { workflowService } = new Client({ connection });
      await workflowService.updateNamespace({
        namespace: 'default',
        config: { workflowExecutionRetentionTtl: { seconds: retentionSeconds as never } },
      });
      // Its parts find each other one after the other; what keeps the Task Queues may be the last, and Workers ask it first.
      const name = workflowTaskQueue;
      const taskQueueType = proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW;
      await connection.withDeadline(Date.now() + 1_000, () =>
        workflowService.describeTaskQueue({ namespace: 'default', taskQueue: { name }, taskQueueType }),
      );
      return true;
    } catch {
      await sleep(50);
    } finally {
      await connection?.close();
    }
  }
  return false;
}
