import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request and its answer, as they went over the wire. */
export interface Exchange {
  readonly method: string;
  /** Path without its query. */
  readonly path: string;
  /** Each name with all of its values. */
  readonly query: ReadonlyMap<string, readonly string[]>;
  readonly headers: IncomingHttpHeaders;
  /** JSON where it was JSON, else its text; `undefined` where there was none. */
  readonly body: unknown;
  readonly status: number;
  readonly response: unknown;
}

export interface Recorder {
  readonly url: string;
  readonly exchanges: readonly Exchange[];
  /** Does something when the next request of that method whose path ends so is on its way: after all that was read, before it arrives. */
  readonly beforeNext: (method: string, pathEnd: string, act: () => Promise<unknown>) => void;
  /** Does something before every request whose path has this part arrives, until what it gives is called. */
  readonly beforeEach: (part: string, act: (method: string, path: string) => Promise<unknown>) => () => void;
  /** Answers in the place of the server where a path fits. */
  readonly answerInstead: (path: RegExp, body: object) => void;
  readonly close: () => Promise<void>;
}

/** Stands before a server, passes everything on and keeps what went through. */
export async function startRecorder(target: string): Promise<Recorder> {
  const exchanges: Exchange[] = [];
  const waiting: { method: string; pathEnd: string; act: () => Promise<unknown> }[] = [];
  const standing = new Set<{
    readonly part: string;
    readonly act: (method: string, path: string) => Promise<unknown>;
  }>();
  const instead: { readonly path: RegExp; readonly body: object }[] = [];
  /** Acts that wait for this request. */
  const before = async (method: string, url: string): Promise<void> => {
    const { pathname } = new URL(url, target);
    for (const { part, act } of standing) if (pathname.includes(part)) await act(method, pathname);
    const index = waiting.findIndex((one) => one.method === method && pathname.endsWith(one.pathEnd));
    const [found] = index < 0 ? [] : waiting.splice(index, 1);
    await found?.act();
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = 'GET', url = '/', headers } = request;
      const body = Buffer.concat(chunks);
      // Of the body's length `fetch` tells itself, and refuses to be told where the npm package was loaded before Node's own undici.
      const { host: _host, connection: _connection, 'content-length': _told, ...passed } = headers;
      const passOn = () =>
        fetch(`${target}${url}`, {
          method,
          headers: Object.entries(passed).map(([name, value]) => [name, String(value)]),
          ...(method !== 'GET' && body.length > 0 && { body }),
        });
      const made = instead.find(({ path }) => path.test(new URL(url, target).pathname));
      const ownAnswer = async () => Response.json(made?.body);
      void before(method, url)
        .then(made ? ownAnswer : passOn)
        .then(
          async (answer) => {
            const text = await answer.text();
            const { pathname, searchParams } = new URL(url, target);
            const names = [...new Set(searchParams.keys())];
            exchanges.push({
              method,
              path: pathname,
              query: new Map(names.map((name) => [name, searchParams.getAll(name)])),
              headers,
              body: parsed(body.toString('utf8')),
              status: answer.status,
              response: parsed(text),
            });
            const {
              'content-length': _length,
              'content-encoding': _encoding,
              ...kept
            } = Object.fromEntries(answer.headers);
            response.writeHead(answer.status, kept);
            response.end(text);
          },
          () => response.destroy(),
        );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    exchanges,
    beforeEach: (part, act) => {
      const one = { part, act };
      standing.add(one);
      return () => void standing.delete(one);
    },
    answerInstead: (path, body) => void instead.push({ path, body }),
    beforeNext: (method, pathEnd, act) => void waiting.push({ method, pathEnd, act }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
