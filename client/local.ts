import { fileURLToPath } from 'node:url';
import { clientSettings } from './config.ts';
import { freePorts } from './ports.ts';
import { type Part, type PartOptions, startPart } from './processes.ts';

/** A file of the build, from this folder. */
const built = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The other rooms as processes: the client starts them and never imports them. */
export const programs = {
  worker: built('../worker/main.js'),
  simulator: built('../simulator/main.js'),
} as const;

export interface LocalOptions {
  readonly home: string;
  readonly configFile: string;
  /** Ports of the Temporal server, its UI and the simulator; free ones where absent. */
  readonly ports?: readonly [temporal: number, ui: number, simulator: number];
  /** File of the Temporal server's database; in memory where absent. */
  readonly db?: string;
  /** What the Worker finds in its environment. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Gets every line the parts print. */
  readonly log: (part: string, line: string) => void;
}

/** Server, simulator and Worker on this machine. */
export interface Local {
  readonly temporalAddress: string;
  readonly uiUrl: string;
  readonly simulatorUrl: string;
  /** Settles with a sentence when a part has ended by itself. */
  readonly broken: Promise<string>;
  /** Ends all parts, the Worker first. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts the three parts. `configure` writes the configuration once the simulator's address is known.
 * @throws OncallError where a part does not start, Stopped where it was to stop; what has started is ended again.
 */
export async function startLocal(
  options: LocalOptions,
  configure: (simulatorUrl: string) => void,
  stopping: AbortSignal,
): Promise<Local> {
  const { home, configFile, secrets, db } = options;
  const [temporalPort = 0, uiPort = 0, simulatorPort = 0] = options.ports ?? (await freePorts(3));
  const parts: Pick<Part, 'name' | 'ended' | 'stop'>[] = [];
  const stop = async (): Promise<void> => {
    for (const part of parts.toReversed()) await part.stop();
  };
  const start = async (
    name: string,
    program: string,
    args: readonly string[],
    rest: Pick<PartOptions, 'readyWhen' | 'env'>,
  ) => {
    const log = (line: string): void => options.log(name, line);
    const command = process.execPath;
    const part = await startPart({
      name,
      command,
      args: [program, ...args, '--exit-with-parent'],
      log,
      stop: stopping,
      ...rest,
    });
    parts.push(part);
    return part;
  };
  const startServer = async () => {
    const name = 'Temporal server';
    // Loaded here alone: it brings Temporal's client.
    const { startTemporal } = await import('./local-temporal.ts');
    const tell = (line: string): void => options.log(name, line);
    const settings = { port: temporalPort, uiPort, db };
    const server = await startTemporal(clientSettings(), settings, tell, stopping);
    parts.push({ name, ...server });
    return server;
  };
  const startSimulator = () =>
    start('simulator', programs.simulator, ['--port', String(simulatorPort)], {
      readyWhen: /^listening on /,
    });
  try {
    const [{ address: temporalAddress, uiUrl }, { line }] = await both(startServer(), startSimulator());
    const simulatorUrl = line.replace('listening on ', '');
    configure(simulatorUrl);
    await start('Worker', programs.worker, [], {
      readyWhen: /^working on /,
      env: { ...secrets, TEMPORAL_ADDRESS: temporalAddress, ONCALL_HOME: home, ONCALL_CONFIG: configFile },
    });
    const broken = Promise.race(
      parts.map(({ name, ended }) => ended.then(() => `The ${name} ended by itself.`)),
    );
    return { temporalAddress, uiUrl, simulatorUrl, broken, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits for both even where one fails, so that the other is known and can be ended; then fails as the first that did. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}
