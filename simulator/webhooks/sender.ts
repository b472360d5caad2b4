import { Agent, request } from 'node:http';

/** What became of one try: the status that was answered, or why there was none. */
export type Reached = { readonly status: number } | { readonly error: string };

/** Posts to receivers on this machine. Keeps connections open; a redirect is an answer like any other. */
export class Sender {
  readonly #timeoutMs: number;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<Reached> {
    return new Promise((resolve) => {
      const { username, password } = new URL(url);
      const auth = username === '' ? null : `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
      const length = String(Buffer.byteLength(body));
      const sent = request(url, {
        method: 'POST',
        agent: this.#agent,
        headers: { ...headers, 'content-length': length },
        ...(auth === null ? {} : { auth }),
      });
      // Of the whole answer: a receiver that sends its head and then waits is late too.
      const timer = setTimeout(() => sent.destroy(new Error('timeout')), this.#timeoutMs);
      const end = (reached: Reached) => {
        clearTimeout(timer);
        resolve(reached);
      };
      sent.once('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? error.message }));
      sent.once('response', (response) => {
        response.once('error', (error) => end({ error: error.message }));
        response.once('end', () => end({ status: response.statusCode ?? 0 })).resume();
      });
      sent.end(body);
    });
  }

  /** Whatever is under way fails at once. */
  close(): void {
    this.#agent.destroy();
  }
}

/** Whether an address may be posted to: the simulator knocks on no door outside this machine. */
export function isOnThisMachine(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
