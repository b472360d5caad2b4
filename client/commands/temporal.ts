import { clientSettings } from '../config.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import type { Output } from '../output.ts';
import { checkDifferent, portOf } from '../ports.ts';
import { aborted, stopSignal } from '../processes.ts';

export interface TemporalOptions {
  readonly port: string;
  readonly uiPort?: string;
  readonly db?: string;
  readonly exitWithParent?: boolean;
}

/** `oncall temporal`: a local Temporal server in the foreground, until Ctrl-C. */
export async function temporal(options: TemporalOptions, output: Output): Promise<ExitCode> {
  const port = portOf(options.port, '--port');
  const uiPort = options.uiPort === undefined ? uiPortBeside(port) : portOf(options.uiPort, '--ui-port');
  checkDifferent({ '--port': port, '--ui-port': uiPort });
  const stopping = stopSignal(options.exitWithParent === true);
  const { startTemporal } = await import('../local-temporal.ts');
  const server = await startTemporal(
    clientSettings(),
    { port, uiPort, db: options.db },
    output.say,
    stopping,
  );
  const { address, uiUrl } = server;
  output.result({ address, uiUrl }, `listening on ${address}, UI on ${uiUrl}`);
  const end = await Promise.race([aborted(stopping), server.ended]);
  if (typeof end === 'number')
    throw new OncallError(`The Temporal server ended by itself with exit code ${end}.`);
  await server.stop();
  return exitCodes.done;
}

function uiPortBeside(port: number): number {
  if (port + 1_000 <= 65_535) return port + 1_000;
  throw new UsageError(`1000 above --port ${port} there is no port for the UI; name one with --ui-port.`);
}
