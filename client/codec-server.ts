import { randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import { type Claim, claimedIn, keysAt, StatementError, verify } from '../gate/statement.ts';
import { nameOf } from '../gate/words.ts';
import { barredFrom, type WhoMay } from './barred.ts';
import { OncallError } from './errors.ts';

/** What a codec server is made from. */
export interface CodecOptions extends WhoMay {
  readonly codec: PayloadCodec;
  /** The one namespace that our keys are for. */
  readonly namespace: string;
  /** Addresses of this server, as browsers call it: a sign-in is for one of them. */
  readonly urls: readonly string[];
  /** Pages that may ask in a browser: those of the Temporal UI. */
  readonly uiOrigins: readonly string[];
  readonly log: (sentence: string) => void;
  readonly now?: () => number;
}

/** How long a sign-in lasts, in seconds: a shift, and not the next one. */
const lastsSeconds = 8 * 3_600;

/** The longest request, in bytes: the UI asks for a page of a history at once. */
const longestRequest = 32_000_000;

const cookieName = 'oncall_codec';

/** What an operator signs to read at a codec server. */
export const signInClaim = (url: string): Claim => ({
  target: `codec ${url}`,
  type: 'codec:sign-in',
  input: null,
});

interface Session {
  readonly operator: string;
  readonly until: number;
}

/**
 * Decodes for the Temporal UI and its command line what our keys encrypted, in the protocol that both speak. Nobody reads who has
 * not signed in as an operator of the configuration; who is disabled or taken out of it reads no more from the next request on.
 */
export function codecServer(options: CodecOptions): Hono {
  const { codec, namespace, urls, uiOrigins, policyState, log, now = Date.now } = options;
  const sessions = new Map<string, Session>();
  /** Sign-ins that were used, until they are too old to be used anyway. */
  const spent = new Map<string, number>();

  /** A session for whoever signed this, or why there is none. */
  async function signIn(
    statement: string,
  ): Promise<{ readonly token: string; readonly operator: string } | string> {
    const claimed = claimedIn(statement);
    const operator = claimed && !claimed.door ? claimed.agent : '';
    const state = policyState();
    if (!state.readable) throw new OncallError(state.sentence);
    const signer = state.policy.operators.get(operator);
    if (!signer) return 'no operator of the configuration signed it';
    for (const url of urls) {
      try {
        const { jti } = await verify(statement, keysAt(signer, now()), signInClaim(url), now());
        const why = await barredFrom(options, { name: operator });
        if (why !== undefined) return why;
        for (const [id, until] of spent) if (until < now()) spent.delete(id);
        if (spent.has(jti)) return 'this sign-in was used already; call `oncall codec sign-in` again';
        spent.set(jti, now() + spentForMs);
        for (const [token, { until }] of sessions) if (until < now()) sessions.delete(token);
        const token = randomBytes(32).toString('base64url');
        sessions.set(token, { operator, until: now() + lastsSeconds * 1_000 });
        log(`${operator} signed in.`);
        return { token, operator };
      } catch (error) {
        if (!(error instanceof StatementError)) throw error;
        if (url === urls.at(-1)) return `the sign-in ${error.message}`;
      }
    }
    return 'this server has no address';
  }

  /** Who asks, or why nobody may. A cookie counts only from a page of the UI: no other page asks in its name. */
  async function reader(context: Context): Promise<{ readonly operator: string } | { readonly why: string }> {
    const [, bearer] = /^Bearer (\S+)$/.exec(context.req.header('authorization') ?? '') ?? [];
    const isPage = context.req.header('origin') !== undefined;
    const session = sessions.get(bearer ?? (isPage ? getCookie(context, cookieName) : undefined) ?? '');
    if (!session || session.until < now()) return { why: 'sign in first: `oncall codec sign-in`' };
    const why = await barredFrom(options, { name: session.operator });
    return why === undefined ? session : { why };
  }

  const app = new Hono();
  app.use(async (context, next) => {
    const origin = context.req.header('origin');
    context.header('cache-control', 'no-store');
    context.header('vary', 'Origin');
    if (origin !== undefined) {
      if (!uiOrigins.includes(origin))
        return context.json({ error: `${nameOf(origin)} is not the Temporal UI; name it by --ui` }, 403);
      context.header('access-control-allow-origin', origin);
      context.header('access-control-allow-credentials', 'true');
    }
    if (context.req.method === 'OPTIONS') {
      context.header('access-control-allow-methods', 'POST');
      context.header('access-control-allow-headers', 'Authorization, Content-Type, X-Namespace');
      context.header('access-control-max-age', '600');
      return context.body(null, 204);
    }
    return next();
  });
  app.get('/sign-in', async (context) => {
    const given = await signIn(context.req.query('statement') ?? '');
    if (typeof given === 'string') return context.text(`Not signed in: ${given}.\n`, 401);
    setCookie(context, cookieName, given.token, {
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      maxAge: lastsSeconds,
      secure: urls.every((url) => url.startsWith('https:')),
    });
    return context.text(
      `Signed in as ${given.operator} for ${lastsSeconds / 3_600} hours. Back to the Temporal UI: load the page anew.\n`,
    );
  });
  app.post('/session', bodyLimit({ maxSize: 10_000 }), async (context) => {
    const given = await signIn(await context.req.text());
    if (typeof given === 'string') return context.json({ error: given }, 401);
    return context.json({
      token: given.token,
      expires: new Date(now() + lastsSeconds * 1_000).toISOString(),
    });
  });
  for (const [what, change] of [
    ['decode', (payload: Payload) => openable(codec, payload)],
    ['encode', async (payload: Payload) => (await codec.encode([payload]))[0] ?? payload],
  ] as const)
    for (const path of [`/${what}`, `/:namespace/${what}`])
      app.post(path, bodyLimit({ maxSize: longestRequest }), async (context) => {
        const who = await reader(context);
        if ('why' in who) return context.json({ error: `Nothing is read: ${who.why}.` }, 401);
        const asked = context.req.param('namespace') ?? context.req.header('x-namespace');
        if (asked !== namespace)
          return context.json(
            {
              error: `This server is for the namespace ${namespace}, not ${nameOf(asked ?? 'an unnamed one')}.`,
            },
            403,
          );
        const body = Payloads.safeParse(await context.req.json().catch(() => undefined));
        if (!body.success) return context.json({ error: 'A request is { "payloads": [...] } as JSON.' }, 400);
        const payloads: object[] = [];
        for (const written of body.data.payloads) payloads.push(asJson(await change(fromJson(written))));
        return context.json({ payloads });
      });
  app.onError((error, context) => {
    log(`A request failed: ${error.message}`);
    return context.json({ error: 'This cannot be done now; the log of `oncall codec` says why.' }, 503);
  });
  return app;
}

/** For longer than a statement may be used after it was signed, in milliseconds. */
const spentForMs = 15 * 60_000;

/** A payload decoded; as it came where it cannot be: what stands beside it is readable all the same, and the UI shows it as encrypted. */
const openable = async (codec: PayloadCodec, payload: Payload): Promise<Payload> =>
  codec.decode([payload]).then(
    ([opened]) => opened ?? payload,
    () => payload,
  );

/** Payloads as Protocol Buffers write them in JSON: bytes as base64. */
const Bytes = z.string().regex(/^[A-Za-z0-9+/_-]*={0,2}$/);
const WrittenPayload = z.looseObject({
  metadata: z.record(z.string(), Bytes).default({}),
  data: Bytes.default(''),
});
const Payloads = z.looseObject({ payloads: z.array(WrittenPayload) });

const fromJson = ({ metadata, data }: z.output<typeof WrittenPayload>): Payload => ({
  metadata: Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
  ),
  data: Buffer.from(data, 'base64'),
});

const asJson = ({ metadata, data }: Payload): object => ({
  metadata: Object.fromEntries(
    Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  ),
  data: Buffer.from(data ?? []).toString('base64'),
});
