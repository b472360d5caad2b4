import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test as anyTest, inject } from 'vitest';
import { simulatorSecrets } from '../../client/local-world.ts';
import { filesIn } from './places.ts';
import { findSecrets, type Place as Searched } from './secrets.ts';
import { openTally, type ProcessTally } from './tally.ts';
import { until } from './until.ts';

/** The checkout, where `npm run` works. */
export const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** A file of the build, which is what is shipped. */
export const built = (path: string): string => join(checkout, 'dist', path);

/** How a process ended, and everything it said. */
export interface Ended {
  /** `null` where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** How long it lived, in milliseconds. */
  readonly ms: number;
}

/** A process that a test started. */
export interface Program {
  readonly pid: number;
  /** Waits for a line on stdout or stderr; fails with all that was said where the process ends without it. */
  readonly line: (pattern: RegExp) => Promise<string>;
  readonly send: (signal: NodeJS.Signals) => void;
  /** Types into its stdin. */
  readonly type: (text: string) => void;
  /** To the whole foreground process group, as a terminal does on Ctrl-C. */
  readonly sendToGroup: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<Ended>;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A living process of a place: its arguments, with its environment behind them. */
export interface Living {
  readonly pid: number;
  readonly command: string;
}

/** A folder and the processes that live off it. All that is in it, and all of them, end with the test. */
export interface Place {
  readonly folder: string;
  /** `ONCALL_HOME`; not made yet. */
  readonly home: string;
  /** `ONCALL_CONFIG`; not written yet. */
  readonly configFile: string;
  /** `TMPDIR`: what processes leave behind lies here. */
  readonly temporary: string;
  /** What every process of the place finds in its environment. */
  readonly environment: NodeJS.ProcessEnv;
  readonly start: (command: string, args: readonly string[], options?: ProgramOptions) => Program;
  /** The command line as it is shipped. */
  readonly oncall: (args: readonly string[], options?: ProgramOptions) => Program;
  /** Every living process that was started here, by whomever, whatever became of its parent. */
  readonly living: () => readonly Living[];
  /** Has something searched for secrets that will be gone when the place is cleared. */
  readonly search: (places: readonly Searched[]) => void;
  /**
   * Ends what lives and takes all of it away.
   * @throws Error where a secret stands in what a program said, in a file, or in what `search` was given.
   */
  readonly clear: () => Promise<void>;
}

/** Makes a place, for hooks; `test` below gives every test its own. */
export function makePlace(name = 'hook'): Place {
  const folder = mkdtempSync(join(tmpdir(), `oncall-e2e-${name}-`));
  const temporary = join(folder, 'tmp');
  const home = join(folder, 'home');
  const configFile = join(folder, 'oncall.yaml');
  mkdirSync(temporary);
  // So that nobody's own profile of Temporal's command line is read.
  const temporalConfig = join(folder, 'temporal.toml');
  writeFileSync(temporalConfig, '[profile.default]\n');
  const environment = {
    ...cleanEnvironment(),
    TMPDIR: temporary,
    ONCALL_HOME: home,
    ONCALL_CONFIG: configFile,
    TEMPORAL_CONFIG_FILE: temporalConfig,
  };
  const living = (): readonly Living[] =>
    everyProcess().filter(({ command }) => command.includes(` TMPDIR=${temporary} `));
  const said: (() => Searched)[] = [];
  const given: Searched[] = [];
  const tally = openTally<ProcessTally>(inject('claims'));
  const start: Place['start'] = (command, args, options = {}) => {
    const started = startProgram(command, args, {
      cwd: options.cwd ?? folder,
      env: { ...environment, ...options.env },
    });
    said.push(() => ({ name: `what ${args.join(' ')} said`, bytes: Buffer.from(started.said()) }));
    return started;
  };

  /** Where a secret stands that must not; what was looked at is added to the run's tally. */
  const inspect = (): readonly string[] => {
    const keys = filesIn(folder, []).filter(({ name }) => name.endsWith('.pem'));
    const secrets = [
      ...Object.entries(simulatorSecrets).map(([name, value]) => ({ name, value })),
      ...keys.flatMap(({ name, bytes }) => (isPrivateKey(bytes) ? [{ name, value: bytes.toString() }] : [])),
    ];
    const files = filesIn(folder, []).filter(({ name }) => !name.endsWith('.pem'));
    const outputs = said.map((output) => output());
    const bytes = (all: readonly Searched[]): number => all.reduce((sum, one) => sum + one.bytes.length, 0);
    tally({
      secrets: secrets.length,
      programs: outputs.length,
      outputBytes: bytes(outputs),
      files: files.length,
      fileBytes: bytes(files),
      histories: given.length,
      historyBytes: bytes(given),
    });
    return findSecrets([...outputs, ...files, ...given], secrets);
  };
  return {
    folder,
    home,
    configFile,
    temporary,
    environment,
    start,
    oncall: (args, options) => start(process.execPath, [built('client/cli.js'), ...args], options),
    living,
    search: (places) => void given.push(...places),
    clear: async () => {
      await until('nothing of the test lives', () => {
        const left = said.length > 0 ? living() : [];
        for (const { pid } of left) kill(pid, 'SIGKILL');
        return left.length === 0;
      });
      try {
        const found = inspect();
        if (found.length > 0) throw new Error(found.join('\n'));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Vitest's `test` with a place of its own for each. */
export const test = anyTest.extend<{ place: Place }>({
  place: async ({ task }, use) => {
    const place = makePlace(task.id);
    try {
      await use(place);
    } finally {
      await place.clear();
    }
  },
});

const isPrivateKey = (bytes: Buffer): boolean => bytes.includes('PRIVATE KEY-----');

/** Starts a program in a process group of its own, and keeps what it says. */
export function startProgram(
  command: string,
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Program & { readonly said: () => string } {
  const began = Date.now();
  // A group of its own, so that a signal to the group reaches nobody else. Its stdin stays open as long as we live.
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started.`);
  let stdout = '';
  let stderr = '';
  let over = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  const closed = once(child, 'close');
  const ended = once(child, 'exit').then(async ([code, signal]): Promise<Ended> => {
    const ms = Date.now() - began;
    // Whoever inherited the streams may hold them open for longer: that must not hide that it has ended.
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2_000))]);
    over = true;
    return { code: code as Ended['code'], signal: signal as Ended['signal'], stdout, stderr, ms };
  });
  return {
    pid,
    line: async (pattern) => {
      const what = `${args.join(' ')} says ${pattern}`;
      try {
        return await until(what, () => {
          const wasOver = over;
          const found = `${stdout}\n${stderr}`.split('\n').find((line) => pattern.test(line));
          if (found === undefined && wasOver) throw new Error(`It ended before ${what}.`);
          return found;
        });
      } catch (error) {
        throw new Error(`${String(error)} It said:\n${stdout}\n${stderr}`);
      }
    },
    send: (signal) => kill(pid, signal),
    type: (text) => void child.stdin.write(text),
    sendToGroup: (signal) => kill(-pid, signal),
    ended,
    said: () => `${stdout}\n${stderr}`,
  };
}

/** Sends a signal to a process, or to a group where negative; one that has ended already is no error. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The processes of this machine with their environments, where we may see them; one that is dead but not buried has none. */
function everyProcess(): readonly Living[] {
  const table = execFileSync('ps', ['axeww', '-o', 'pid=,command='], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return table.split('\n').flatMap((row) => {
    const [, pid, command] = /^\s*(\d+) (.*)$/.exec(row) ?? [];
    return pid && command ? [{ pid: Number(pid), command: `${command} ` }] : [];
  });
}

/** Our environment without what would change how `oncall`, Temporal, npm or Node behave. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const ours =
    /^(ONCALL|TEMPORAL|PAGERDUTY|npm|VITEST|TINYPOOL)_|^(VITEST|NODE_ENV|NODE_OPTIONS|LOG_LEVEL|DATABASE_URL|FORCE_COLOR|NO_COLOR)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}
