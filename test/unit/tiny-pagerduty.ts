import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { parsePolicy } from '../../gate/policy.ts';
import type { OperationName, RequestOf } from '../../pagerduty/catalogue/index.ts';
import { connector } from '../../pagerduty/connector.ts';
import { PagerDutyError } from '../../pagerduty/errors.ts';
import { type Connection, send } from '../../pagerduty/http.ts';

export interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Secrets {
  readonly token?: string;
  readonly routingKey?: string;
}

export const token = 'u+OneTokenOfTwenty01';
export const routingKey = 'R0123456789abcdef0123456789abcde';

export const readIncident = { params: { id: 'P1' } };
export const addNote = { params: { id: 'P1' }, body: { note: { content: 'Rolled back.' } } };
export const resolveEvent: RequestOf<'enqueueEvent'> = {
  routingKey: 'checkout',
  body: { event_action: 'resolve', dedup_key: 'checkout/latency' },
};

/** A real HTTP server that answers as a test says, and remembers what it was asked. */
export class TinyPagerDuty {
  /** What it does with the next requests. */
  reply: (response: ServerResponse, seen: Seen) => void = () => {};
  seen: Seen[] = [];
  #port = 0;
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      const seen = { method, url, headers, body: Buffer.concat(chunks).toString() };
      this.seen.push(seen);
      this.reply(response, seen);
    });
  });

  constructor() {
    beforeAll(async () => {
      this.#port = await listening(this.#server);
    });
    beforeEach(() => {
      this.seen = [];
    });
    afterAll(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  connection(secrets?: Secrets): Promise<Connection> {
    return connectionTo(this.url, secrets);
  }

  /** The error of a call that must fail. */
  async errorOf<Name extends OperationName>(
    name: Name,
    request: RequestOf<Name>,
    connection: Promise<Connection> = this.connection(),
  ): Promise<PagerDutyError> {
    try {
      await send(await connection, name, request);
    } catch (error) {
      if (error instanceof PagerDutyError) return error;
      throw error;
    }
    throw new Error(`${name} was answered, and should not have been.`);
  }
}

/** The connection as a Worker makes it from its configuration. */
export function connectionTo(url: string, secrets: Secrets = {}): Promise<Connection> {
  const { accounts } = parsePolicy(`accounts:
  main:
    region: custom
    rest_url: "${url}"
    events_url: "${url}/events"
    token: env:TOKEN
    from: bot@example.com
    routing_keys: { checkout: env:KEY }`);
  const values: Readonly<Record<string, string>> = {
    'env:TOKEN': secrets.token ?? token,
    'env:KEY': secrets.routingKey ?? routingKey,
  };
  const account = accounts.get('main')!;
  return connector((ref) => values[ref]!, Date.now)({ account, ...account });
}

export const answer =
  (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'x-request-id': 'req-1', 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

/** A server that does with the socket what it is told, once a whole request has come. */
export async function rawServer(
  react: (socket: Socket) => void,
): Promise<{ readonly url: string; readonly requests: () => number; readonly close: () => void }> {
  const sockets = new Set<Socket>();
  let requests = 0;
  const raw = createTcpServer((socket) => {
    let bytes = Buffer.alloc(0);
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const head = bytes.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(bytes.toString('latin1'))?.[1] ?? 0);
      if (head < 0 || bytes.length < head + 4 + length) return;
      requests += 1;
      react(socket);
    });
  });
  const url = `http://127.0.0.1:${await listening(raw)}`;
  return {
    url,
    requests: () => requests,
    close: () => {
      for (const socket of sockets) socket.destroy();
      raw.close();
    },
  };
}

export function listening(what: Server): Promise<number> {
  return new Promise((resolve) => {
    what.listen(0, '127.0.0.1', () => resolve((what.address() as AddressInfo).port));
  });
}
