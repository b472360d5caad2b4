import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { inject } from 'vitest';
import type { ClientSettings } from '../../client/config.ts';
import { type ConsoleOptions, consoleOf } from '../../client/console/app.ts';
import { sourcesOf } from '../../client/console/sources.ts';
import { type Identity, readIdentity } from '../../client/identity.ts';
import { listen } from '../../client/listening.ts';
import type { Stage } from './stage.ts';

/** An answer of the console. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** The console of a stage, and how it is spoken to without a browser. */
export interface PlayedConsole {
  readonly url: string;
  /** What it told whoever runs it. */
  readonly faults: readonly unknown[];
  /** A path by which this person can sign in, once. */
  readonly invite: (name: string) => string;
  /** A request as anybody on this machine can send it. */
  readonly send: (
    method: string,
    path: string,
    headers?: Readonly<Record<string, string>>,
    form?: Readonly<Record<string, string>>,
  ) => Promise<Answer>;
  /** Signs in, and gives the cookie. */
  readonly signIn: (name: string) => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Adds a front door `console` to a stage's configuration, which may speak for these operators. */
export function addConsoleDoor(stage: Stage, operators: readonly string[]): Identity {
  const publicKey = stage.newKey('console');
  stage.editConfig(
    (text) =>
      `${text}front_doors:\n  console: { public_key: ${publicKey}, may_speak_for_operators: [${operators.join(', ')}] }\n`,
  );
  return readIdentity('front door', 'console', `${stage.home}/console.pem`);
}

/** Opens the console of a stage on a free port. */
export async function playConsole(
  { home, configFile, databaseUrl, namespace }: Stage,
  {
    door,
    settings = {},
    address = inject('temporalAddress'),
    ...options
  }: {
    /** What signs; nothing does where left out. */
    readonly door?: Identity;
    readonly settings?: Partial<ClientSettings>;
    readonly address?: string;
  } & Partial<ConsoleOptions> = {},
): Promise<PlayedConsole> {
  const faults: unknown[] = [];
  const sources = sourcesOf(
    {
      home,
      configFile,
      databaseUrl: databaseUrl || undefined,
      temporalUi: 'http://127.0.0.1:8233',
      ...settings,
    } as ClientSettings,
    { connectionOptions: { address }, namespace },
    'console:console',
  );
  const gate = consoleOf({
    sources,
    name: 'console',
    signerFor: ({ id, name }) => door && { name, key: door.key, door: { name: door.name, session: id } },
    told: (error) => faults.push(error),
    refusalWindowMs: 600_000,
    ...options,
  });
  const server = await listen(gate.app, { port: 0, option: '--port' });
  const { url } = server;
  const send: PlayedConsole['send'] = (method, path, headers = {}, form) =>
    new Promise((resolve, reject) => {
      const body = form && new URLSearchParams(form).toString();
      const all = {
        ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      };
      const request = httpRequest(`${url}${path}`, { method, headers: all, agent: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (piece: string) => {
          text += piece;
        });
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
      });
      request.once('error', reject);
      request.end(body);
    });
  return {
    url,
    faults,
    invite: gate.invite,
    send,
    signIn: async (name) => {
      const [, link = ''] = gate.invite(name).split('link=');
      const { status, headers } = await send('POST', '/sign-in', { origin: url }, { link });
      if (status !== 303) throw new Error(`Nobody was let in: ${status}.`);
      return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    },
    close: () => server.close(() => gate.close()),
  };
}

/** The hidden fields of the form with this action on a page; of several forms, of the one that comes after `after`. */
export function fieldsOf(page: string, action: string, after = ''): Readonly<Record<string, string>> {
  const from = page.indexOf(`action="${action}"`, page.indexOf(after));
  const [form = ''] = page.slice(from).split('</form>');
  return Object.fromEntries(
    [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map(
      ([, name = '', value = '']) => [
        name,
        value.replaceAll('&#39;', "'").replaceAll('&quot;', '"').replaceAll('&amp;', '&'),
      ],
    ),
  );
}
