import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnvironment } from './config.ts';
import { OncallError } from './errors.ts';

/** A child process that is part of a whole, such as the demo's Worker. */
export interface Part {
  readonly name: string;
  readonly pid: number;
  /** The line on stdout that said it works. */
  readonly line: string;
  /** Settles with the exit code once it has ended, however. */
  readonly ended: Promise<number>;
  /** SIGTERM, then SIGKILL after some seconds; settles once it has ended. */
  readonly stop: () => Promise<void>;
}

export interface PartOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What stdout says once the part works. */
  readonly readyWhen: RegExp;
  /** Gets the part's log, a line at a time. */
  readonly log?: (line: string) => void;
  /** Gives up the start; what has started by then is ended again. Nothing does where it is left out. */
  readonly stop?: AbortSignal;
}

/** What was under way when someone asked us to end: no fault, and nobody else's business. */
export class Stopped extends OncallError {
  override readonly name = 'Stopped';
  constructor() {
    super('Stopped.');
  }
}

/** How long a part may take until it works. */
const startWithinMs = 60_000;

/** How long a part may take to end after SIGTERM. People wait for it; a part that is killed loses nothing that was written. */
const stopWithinMs = 5_000;

/**
 * Starts a child process and waits until it says that it works. It gets a process group of its own, so that Ctrl-C reaches
 * us alone and we end the parts in order; and it holds a pipe to us, so that it notices when we are killed.
 * @throws OncallError with the part's own last words where it ends before it works; Stopped where it was to stop.
 */
export async function startPart(options: PartOptions): Promise<Part> {
  const { name, command, args, env = {}, readyWhen, log } = options;
  const { stop: stopping = new AbortController().signal } = options;
  if (stopping.aborted) throw new Stopped();
  const child = spawn(command, args, {
    env: childEnvironment(env),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const lastWords: string[] = [];
  const ended = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      lastWords.push(error.message);
      resolve(1);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.stdin.on('error', () => {});
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lastWords.push(line);
      if (lastWords.length > 20) lastWords.shift();
      log?.(line);
    });
  }
  const line = await ready(child, readyWhen, Promise.race([ended, aborted(stopping)]));
  const stop = (): Promise<void> => stopChild(child, ended);
  if (line === undefined) {
    const isLate = child.exitCode === null && child.signalCode === null;
    await stop();
    if (stopping.aborted) throw new Stopped();
    // Its last words may still be on their way; whoever inherited the pipe may hold it open for longer.
    await Promise.race([closed, sleep(500)]);
    if (isLate) lastWords.push(`The ${name} did not start within ${startWithinMs / 1_000} s.`);
    throw new OncallError(lastWords.join('\n') || `The ${name} did not start.`);
  }
  return { name, pid: child.pid ?? 0, line, ended, stop };
}

async function ready(
  child: ChildProcess,
  readyWhen: RegExp,
  over: Promise<unknown>,
): Promise<string | undefined> {
  const { stdout } = child;
  if (!stdout) return undefined;
  let timer: NodeJS.Timeout | undefined;
  const said = new Promise<string>((resolve) => {
    createInterface({ input: stdout }).on('line', (line) => {
      if (readyWhen.test(line)) resolve(line);
    });
  });
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), startWithinMs);
  });
  try {
    return await Promise.race([said, over.then(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** SIGTERM, then SIGKILL after some seconds; settles once the child has ended. */
export async function stopChild(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await ended;
  clearTimeout(timer);
}

/** Runs a program in the foreground, with our streams and our signals, and gives its exit code. */
export async function runThrough(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit' });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    for (const signal of signals) process.off(signal, pass);
  }
}

/**
 * Aborts when someone asks us to end: Ctrl-C, SIGTERM, SIGHUP, the end of the parent that holds our stdin, or when nobody
 * reads our stdout any more.
 * From the first call on these no longer end the process by themselves.
 */
export function stopSignal(exitWithParent = false): AbortSignal {
  const controller = new AbortController();
  const asked = (): void => controller.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, asked);
  process.stdout.on('error', asked);
  if (exitWithParent) {
    process.stdin.on('end', asked).on('error', asked).resume();
    // Listening to the parent alone must not keep us alive; where stdin is a file, nothing does.
    if ('unref' in process.stdin) process.stdin.unref();
  }
  return controller.signal;
}

/** Settles once a signal is aborted. */
export const aborted = (signal: AbortSignal): Promise<'asked'> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve('asked');
    else signal.addEventListener('abort', () => resolve('asked'), { once: true });
  });
