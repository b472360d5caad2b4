import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { OncallError, UsageError } from './errors.ts';

/** Option of the command line → the port it names. */
export type PortsByOption = Readonly<Record<`--${string}`, number>>;

/** A port from the command line. */
export function portOf(text: string, option: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new UsageError(`${option} takes a port from 1 to 65535, not ${JSON.stringify(text)}.`);
}

/** @throws UsageError where two options name the same port. */
export function checkDifferent(ports: PortsByOption): void {
  const seen = new Map<number, string>();
  for (const [option, port] of Object.entries(ports)) {
    const other = seen.get(port);
    if (other !== undefined)
      throw new UsageError(`${other} and ${option} are both ${port}; give each its own.`);
    seen.set(port, option);
  }
}

/** @throws OncallError where something listens on one of the ports already. */
export async function checkFree(ports: PortsByOption): Promise<void> {
  for (const [option, port] of Object.entries(ports)) {
    const error = await whyNotListening(port);
    if (error === undefined) continue;
    throw unusablePort(port, option, error);
  }
}

/** Why a port cannot be listened on, and the mend; `or` is another mend where the port is not taken. */
export function unusablePort(
  port: number,
  option: string,
  { code, message }: NodeJS.ErrnoException,
  or = '',
): OncallError {
  return new OncallError(
    code === 'EADDRINUSE'
      ? `Port ${port} is taken; choose another with ${option}, or end what listens there.`
      : `Port ${port} cannot be listened on (${code ?? message}); choose another with ${option}${or}.`,
  );
}

function whyNotListening(port: number): Promise<Error | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(undefined)));
  });
}

/**
 * Free ports of this machine, all different. They lie below those that systems give out by themselves, so that nobody is
 * given one before it is used.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries += 1) {
    if (tries > mostTries) throw new OncallError('No port of this machine can be listened on.');
    const port = randomInt(15_000, 32_000);
    if ((await whyNotListening(port)) === undefined) found.add(port);
  }
  return [...found];
}

const mostTries = 1_000;
