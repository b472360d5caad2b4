import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What stands before several receivers, as a load balancer does. */
export interface Balancer {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly counts: {
    /** Deliveries that came in. */
    came: number;
    /** Asked of another receiver, since one was away or said 503. */
    passedOn: number;
    /** Taken by no receiver: PagerDuty is told so, and tries again. */
    refused: number;
  };
  /** How many deliveries a receiver has not answered yet. */
  readonly underWay: (port: number) => number;
  /** A fault to plant: what no receiver takes is answered as if one had. */
  swallows: boolean;
  readonly close: () => Promise<void>;
}

/** Gives each delivery to the next receiver in turn, and to the one after it where that one is away or cannot take it. */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const counts = { came: 0, passedOn: 0, refused: 0 };
  const waiting = new Map<number, number>();
  let turn = 0;
  const ask = async (port: number, path: string, headers: Headers, body: Buffer): Promise<number> => {
    waiting.set(port, (waiting.get(port) ?? 0) + 1);
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body });
      await answer.text();
      return answer.status;
    } catch {
      return 503;
    } finally {
      waiting.set(port, (waiting.get(port) ?? 1) - 1);
    }
  };
  const take = async (request: IncomingMessage): Promise<number> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const headers = new Headers();
    for (const name of ['content-type', 'x-pagerduty-signature', 'x-webhook-id', 'x-webhook-subscription'])
      if (typeof request.headers[name] === 'string') headers.set(name, request.headers[name]);
    counts.came += 1;
    turn += 1;
    for (const index of ports.keys()) {
      const status = await ask(ports[(turn + index) % ports.length] ?? 0, request.url ?? '/', headers, body);
      if (status !== 503) return status;
      if (index + 1 < ports.length) counts.passedOn += 1;
    }
    counts.refused += 1;
    return 503;
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void take(request).then(
      (status) => response.writeHead(balancer.swallows && status === 503 ? 202 : status).end(),
      () => response.destroy(),
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const balancer: Balancer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    underWay: (port) => waiting.get(port) ?? 0,
    swallows: false,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return balancer;
}
