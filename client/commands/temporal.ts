import { clientSettings } from '../config.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { startTemporal } from '../local-temporal.ts';
import type { Output } from '../output.ts';
import { stopSignal } from '../processes.ts';

export interface TemporalOptions {
  readonly port: string;
  readonly uiPort?: string;
  readonly db?: string;
  readonly exitWithParent?: boolean;
}

/** `oncall temporal`: a local Temporal server in the foreground, until Ctrl-C. */
export async function temporal(options: TemporalOptions, output: Output): Promise<ExitCode> {
  const port = portOf(options.port, '--port');
  const uiPort = options.uiPort === undefined ? port + 1000 : portOf(options.uiPort, '--ui-port');
  const server = await startTemporal(clientSettings(), { port, uiPort, db: options.db }, output.say);
  const { address, uiUrl } = server;
  output.result({ address, uiUrl }, `listening on ${address}, UI on ${uiUrl}`);
  const end = await Promise.race([stopSignal(options.exitWithParent === true), server.ended]);
  if (typeof end === 'number')
    throw new OncallError(`The Temporal server ended by itself with exit code ${end}.`);
  await server.stop();
  return exitCodes.done;
}

/** A port from the command line. */
export function portOf(text: string, option: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new UsageError(`${option} takes a port from 1 to 65535, not ${JSON.stringify(text)}.`);
}
