import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { OncallError } from './errors.ts';

/** A page or an API that listens on this machine alone. */
export interface Listening {
  readonly port: number;
  /** Takes nothing more, lets `end` bring to its end what is under way, and lets go of the rest. */
  readonly close: (end?: () => Promise<unknown>) => Promise<void>;
}

/**
 * Serves an app on 127.0.0.1.
 * @param port 0 takes a free one.
 * @param option of the command line, by which another port is named.
 * @throws OncallError where the port cannot be listened on.
 */
export async function listenLocally(
  app: Pick<Hono, 'fetch'>,
  port: number,
  option: string,
): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  // Whoever sends a head or a body by the drop does not hold a connection for long.
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  return {
    port: await listening(server, port, option),
    close: async (end) => {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      await end?.();
      server.closeAllConnections();
      await closed;
    },
  };
}

function listening(server: Server, port: number, option: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'it is taken' : (error.code ?? error.message);
      reject(
        new OncallError(`The port ${port} of 127.0.0.1 cannot be used: ${why}. Name another by ${option}.`),
      );
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
