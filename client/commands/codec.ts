import pino from 'pino';
import { EncryptionCodec } from '../../gate/payload-codec.ts';
import { policySource } from '../../gate/policy-source.ts';
import { sign } from '../../gate/statement.ts';
import { codecServer, signInClaim } from '../codec-server.ts';
import { clientSettings, encryptionKeys, serverSettings } from '../config.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { readOperator } from '../identity.ts';
import { listen } from '../listening.ts';
import type { Output } from '../output.ts';
import { portOf } from '../ports.ts';
import { aborted, stopSignal } from '../processes.ts';
import { lastingStore } from '../store.ts';

export interface CodecCommandOptions {
  readonly port: string;
  readonly host: string;
  readonly url?: string;
  readonly ui?: readonly string[];
  readonly exitWithParent?: boolean;
}

/** `oncall codec`: lets signed-in operators read encrypted runs in the Temporal UI, until it is told to end. */
export async function codec(options: CodecCommandOptions, output: Output): Promise<ExitCode> {
  const port = portOf(options.port, '--port');
  const settings = clientSettings();
  const { configFile, logLevel, temporalUi } = settings;
  const policyState = policySource(configFile);
  const state = policyState();
  if (!state.readable) throw new OncallError(state.sentence);
  const ring = encryptionKeys();
  if (ring.keys.size === 0)
    throw new OncallError(
      `${configFile} names no encryption keys, so there is nothing to decode; docs/encryption.md shows how.`,
    );
  if (state.policy.operators.size === 0)
    throw new OncallError(
      'Only operators may read, and there are none; add one: `oncall operators add NAME`.',
    );
  const { namespace = 'default' } = serverSettings();
  const uiOrigins = (options.ui ?? (temporalUi ? [temporalUi] : localUis)).map((url) =>
    originOf(url, '--ui'),
  );
  const given = options.url === undefined ? undefined : originOf(options.url, '--url');
  const stopping = stopSignal(options.exitWithParent === true);
  const logger = pino({ level: logLevel, base: null }, pino.destination({ dest: 2, sync: true }));
  // Who is disabled stands there: without it nothing is served.
  const store = lastingStore(settings);
  try {
    await store.work(async () => {});
    const urls: string[] = [];
    const app = codecServer({
      codec: new EncryptionCodec(ring),
      namespace,
      urls,
      uiOrigins,
      policyState,
      store: store.work,
      log: (sentence) => logger.info(sentence),
    });
    const server = await listen(app, { host: options.host, port, option: '--port' });
    urls.push(...(given === undefined ? namesOf(server.url) : [given]));
    const [url = server.url] = urls;
    output.result(
      { url, namespace, uiOrigins },
      [
        `listening on ${server.url}`,
        `It decodes for ${uiOrigins.join(' and ')}, namespace ${namespace}: name ${url} as the codec endpoint there, and let it send cookies.`,
        'Operators sign in by `oncall codec sign-in`.',
      ].join('\n'),
    );
    await aborted(stopping);
    await server.close();
  } finally {
    await store[Symbol.asyncDispose]();
  }
  return exitCodes.done;
}

/** Where the UI of a local server is. */
const localUis = ['http://127.0.0.1:8233', 'http://localhost:8233'];

/** On this machine a browser may call it by either name; it sends the cookie of the one that the UI has. */
const namesOf = (url: string): readonly string[] =>
  url.includes('//127.0.0.1:') ? [url, url.replace('127.0.0.1', 'localhost')] : [url];

function originOf(url: string, option: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(
      `${option} takes an address such as http://127.0.0.1:8233, not ${JSON.stringify(url)}.`,
    );
  return new URL(url).origin;
}

/** `oncall codec sign-in`: a link that signs a browser in. */
export async function signIn(options: { readonly url: string }, output: Output): Promise<ExitCode> {
  const operator = readOperator(clientSettings());
  const url = originOf(options.url, '--url');
  const statement = await sign(operator.name, operator.key, signInClaim(url));
  const link = `${url}/sign-in?statement=${statement}`;
  output.result(
    { link, statement },
    `${link}\nOpen it within five minutes in the browser that shows the Temporal UI; it works once.`,
  );
  return exitCodes.done;
}
