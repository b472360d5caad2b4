import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

// Raw HTTP as PagerDuty's own clients would speak it, and a receiver for its webhooks.

/** Whatever JSON.parse gives: tests look into it as they please. */
type Json = ReturnType<typeof JSON.parse>;

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The JSON of the answer; undefined where there is none. */
  readonly body: Json;
}

const accept = 'application/vnd.pagerduty+json;version=2';

/** Asks one simulator; by the full-access key in the name of Oncall Bot, unless the headers say otherwise. */
export const wireTo =
  (url: () => string) =>
  async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Answered> => {
    const all = {
      accept,
      authorization: 'Token token=simulator-full-access-key',
      'content-type': 'application/json',
      from: 'oncall-bot@example.com',
      ...headers,
    };
    const sent = Object.entries(all).filter(([, value]) => value !== undefined) as [string, string][];
    const response = await fetch(url() + path, {
      method,
      headers: sent,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type') === 'application/json' && text !== '';
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson ? JSON.parse(text) : undefined,
    };
  };

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly event: Json;
}

export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** What it answers from now on: a status, or nothing at all. Asked for each delivery. */
  answer: (received: Received) => number | 'nothing';
  readonly close: () => Promise<void>;
}

/** A webhook receiver on this machine that takes everything. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const receiver = { received, answer: (_received: Received): number | 'nothing' => 202 };
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const one = { headers: request.headers, text, event: JSON.parse(text).event };
      received.push(one);
      const status = receiver.answer(one);
      if (status !== 'nothing') response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
