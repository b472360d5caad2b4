import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { unusablePort } from './ports.ts';

/** Where an app listens. */
export interface At {
  /** This machine alone where left out. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The option of the command line by which another port is named. */
  readonly option: `--${string}`;
}

/** A page or an API that listens. */
export interface Listening {
  /** `http://HOST:PORT`. */
  readonly url: string;
  /** Takes nothing new, lets what is under way come to its end, or `end` bring it there, and lets go of the rest. */
  readonly close: (end?: () => Promise<unknown>) => Promise<void>;
}

/** How long what is under way has to end by itself. */
const drainsWithinMs = 4_500;

/** How many connections wait to be taken up. Of what finds no place here the system says nothing, and tries again after seconds. */
const backlog = 4_096;

/**
 * Serves an app over HTTP.
 * @throws OncallError where it cannot listen, with the option that mends it.
 */
export async function listen(app: Pick<Hono, 'fetch'>, { host, port, option }: At): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  // Whoever sends a head or a body by the drop does not hold a connection for long.
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  // Longer than proxies keep theirs, so that none sends into a connection that is just being closed.
  server.keepAliveTimeout = 75_000;
  const name = host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    const or = host === undefined ? '' : ', or another address with --host';
    server.once('error', (error) => reject(unusablePort(port, option, error, or)));
    server.listen({ port, host: name, backlog }, resolve);
  });
  return {
    url: `http://${name.includes(':') ? `[${name}]` : name}:${(server.address() as AddressInfo).port}`,
    close: async (end) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Connections that are kept open are closed as soon as nothing is under way on them.
      const idle = setInterval(() => server.closeIdleConnections(), 50);
      await (end ? end() : Promise.race([closed, sleep(drainsWithinMs, undefined, { ref: false })]));
      server.closeAllConnections();
      clearInterval(idle);
      await closed;
    },
  };
}
