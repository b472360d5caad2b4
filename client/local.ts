import { fileURLToPath } from 'node:url';
import { clientSettings } from './config.ts';
import { subscribeLocally } from './local-webhooks.ts';
import { freePorts } from './ports.ts';
import { type Part, type PartOptions, startPart } from './processes.ts';

/** A file of the build, from this folder. */
const built = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Ourselves, and the other rooms as processes: the client starts those and never imports them. */
export const programs = {
  oncall: built('./cli.js'),
  worker: built('../worker/main.js'),
  simulator: built('../simulator/main.js'),
} as const;

export interface LocalOptions {
  readonly home: string;
  readonly configFile: string;
  /** Ports of the Temporal server, its UI and the simulator; free ones where absent. */
  readonly ports?: readonly [temporal: number, ui: number, simulator: number];
  /** Port of the webhook receiver, to which the simulator then delivers; none is started where absent. */
  readonly webhooksPort?: number;
  /** File of the Temporal server's database; in memory where absent. */
  readonly db?: string;
  /** What the Worker finds in its environment. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Gets every line the parts print. */
  readonly log: (part: string, line: string) => void;
}

/** Server, simulator, Worker and perhaps a receiver on this machine. */
export interface Local {
  readonly temporalAddress: string;
  readonly uiUrl: string;
  readonly simulatorUrl: string;
  /** Where the receiver takes webhooks; absent where none was started. */
  readonly webhooksUrl?: string;
  /** Settles with a sentence when a part has ended by itself. */
  readonly broken: Promise<string>;
  /** Ends all parts, the last one first. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts the parts. `configure` writes the configuration once the simulator's address is known.
 * @throws OncallError where a part does not start, Stopped where it was to stop; what has started is ended again.
 */
export async function startLocal(
  options: LocalOptions,
  configure: (simulatorUrl: string) => void,
  stopping: AbortSignal,
): Promise<Local> {
  const { home, configFile, secrets, webhooksPort, db } = options;
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
    const env = {
      ...secrets,
      TEMPORAL_ADDRESS: temporalAddress,
      ONCALL_HOME: home,
      ONCALL_CONFIG: configFile,
      // Its store is a file in its home, whatever else this machine works with.
      DATABASE_URL: '',
    };
    await start('Worker', programs.worker, [], { readyWhen: /^working on /, env });
    let webhooksUrl: string | undefined;
    if (webhooksPort !== undefined) {
      const receiver = await start(
        'webhook receiver',
        programs.oncall,
        ['webhooks', '--port', String(webhooksPort)],
        { readyWhen: /^listening on /, env },
      );
      webhooksUrl = receiver.line.replace('listening on ', '');
      await subscribeLocally(simulatorUrl, home, webhooksUrl);
    }
    const broken = Promise.race(
      parts.map(({ name, ended }) => ended.then(() => `The ${name} ended by itself.`)),
    );
    return {
      temporalAddress,
      uiUrl,
      simulatorUrl,
      ...(webhooksUrl !== undefined && { webhooksUrl }),
      broken,
      stop,
    };
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
