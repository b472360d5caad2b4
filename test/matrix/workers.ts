import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { childEnvironment } from '../../client/config.ts';
import { behind } from './server.ts';

/** A Worker as it is shipped, or with plants in it, as a process that can be killed, frozen and asked to end. */
export interface WorkerProcess {
  /** Step keys of the writes that it holds at the place where it was planted to. */
  readonly held: ReadonlySet<string>;
  /** SIGKILL; settles once it is dead. */
  readonly kill: () => Promise<void>;
  /** SIGTERM; settles with its exit code. */
  readonly stop: () => Promise<number | null>;
  /** SIGSTOP and SIGCONT. */
  readonly freeze: () => void;
  readonly wake: () => void;
  /** Lets all held writes go. */
  readonly letGo: () => void;
}

/**
 * Starts a Worker and waits until it works.
 * @param build the folder of its build.
 * @param clockHours how far its clock is off.
 */
export async function startWorkerProcess(
  build: string,
  env: Readonly<Record<string, string>>,
  clockHours = 0,
): Promise<WorkerProcess> {
  const args = [join(build, 'worker', 'main.js'), '--exit-with-parent'];
  const shifted = clockHours === 0 ? [] : ['--import', shiftedClock(clockHours)];
  const child = spawn('nice', [...behind, process.execPath, ...shifted, ...args], {
    env: childEnvironment({ LOG_LEVEL: 'fatal', ...env }),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const held = new Set<string>();
  let words = '';
  child.stdin.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = `${words}${text}`.slice(-4_000);
  });
  const lines = createInterface({ input: child.stdout });
  const works = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.startsWith('working on ')) resolve();
      if (line.startsWith('held ')) held.add(line.slice('held '.length));
    });
    child.once('exit', (code) => reject(new Error(`A Worker ended with ${code} before it worked: ${words}`)));
  });
  await works;
  return {
    held,
    kill: async () => void (await end(child, 'SIGKILL')),
    stop: () => end(child, 'SIGTERM'),
    freeze: () => void child.kill('SIGSTOP'),
    wake: () => void child.kill('SIGCONT'),
    letGo: () => void child.kill('SIGUSR2'),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const dead = once(child, 'exit');
  child.kill(signal);
  const [code] = (await dead) as [number | null];
  return code;
}

/** A module that puts the clock of a whole process off, as a machine's clock is off. */
const shiftedClock = (hours: number): string => {
  const source = `const Real = Date;
const off = ${hours} * 3_600_000;
globalThis.Date = class Date extends Real {
  constructor(...args) { if (args.length === 0) super(Real.now() + off); else super(...args); }
  static now() { return Real.now() + off; }
};`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
};
