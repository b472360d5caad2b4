import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { beforeEach, describe, expect, test } from 'vitest';
import { codecServer, signInClaim } from '../../client/codec-server.ts';
import { OncallError } from '../../client/errors.ts';
import { keyRing } from '../../gate/encryption.ts';
import { EncryptionCodec } from '../../gate/payload-codec.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { newKeyPair, readPrivateKey, sign } from '../../gate/statement.ts';
import { lift, liftClaim, press } from '../../gate/switches.ts';
import { temporaryStore } from './temporary-store.ts';

const store = temporaryStore();
const ui = 'http://127.0.0.1:8233';
const url = 'http://127.0.0.1:8071';
const secrets = () => keyText;
const keyText = randomBytes(32).toString('base64');
const codec = new EncryptionCodec(keyRing({ current: 'k1', keys: { k1: 'env:K1' } }, secrets));
const other = new EncryptionCodec(
  keyRing({ current: 'k7', keys: { k7: 'env:K7' } }, () => randomBytes(32).toString('base64')),
);
const [lead, second, bot] = [newKeyPair(), newKeyPair(), newKeyPair()];
const configured = (operators: string) =>
  parsePolicy(`${operators}agents: { bot: { public_key: ${bot.publicKey} } }\n`);
const everybody = `operators: { lead: { public_key: ${lead.publicKey} }, second: { public_key: ${second.publicKey} } }\n`;

const written = ({ metadata, data }: Payload) => ({
  metadata: Object.fromEntries(
    Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  ),
  data: Buffer.from(data ?? []).toString('base64'),
});
const title = { title: 'p99 latency above 2 s' };
const plain = defaultPayloadConverter.toPayload(title);

let policy = configured(everybody);
let isReadable = true;
let isStoreAway = false;
let clock = Date.now();
let app = server();

function server() {
  return codecServer({
    codec,
    namespace: 'default',
    urls: [url, 'http://localhost:8071'],
    uiOrigins: [ui],
    policyState: () => (isReadable ? { readable: true, policy } : { readable: false, sentence: 'broken' }),
    store: async (work) => {
      if (isStoreAway) throw new OncallError('The audit store is away.');
      return work(store());
    },
    log: () => {},
    now: () => clock,
  });
}

beforeEach(() => {
  [policy, isReadable, isStoreAway, clock, app] = [configured(everybody), true, false, Date.now(), server()];
});

const statementOf = (name: string, keys: { readonly privateKey: string }, claim = signInClaim(url)) =>
  sign(name, readPrivateKey(keys.privateKey), claim, clock);
const session = (statement: string) => app.request('/session', { method: 'POST', body: statement });
async function tokenOf(name: string, keys = lead): Promise<string> {
  const { token } = (await (await session(await statementOf(name, keys))).json()) as { token: string };
  return token;
}

/** As the Temporal UI asks. */
function ask(
  headers: Readonly<Record<string, string>>,
  payloads: readonly unknown[],
  path = '/decode',
): Promise<Response> {
  return Promise.resolve(
    app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-namespace': 'default', ...headers },
      body: JSON.stringify({ payloads }),
    }),
  );
}
const sealed = async (by = codec) => written((await by.encode([plain]))[0] ?? plain);
const read = async (headers: Readonly<Record<string, string>>, path?: string) =>
  (await ask(headers, [await sealed()], path)).status;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('who may read', () => {
  test('is an operator who signed in: by a link in the browser, whose cookie counts from the UI alone', async () => {
    const link = `/sign-in?statement=${await statementOf('lead', lead)}`;
    const answer = await app.request(link);
    expect([answer.status, await answer.text()]).toEqual([
      200,
      expect.stringContaining('Signed in as lead for 8 hours.'),
    ]);
    const set = answer.headers.get('set-cookie') ?? '';
    expect(set).toMatch(/HttpOnly/);
    expect(set).toMatch(/SameSite=Strict/);
    const cookie = set.split(';')[0] ?? '';
    expect(await read({ cookie, origin: ui })).toBe(200);
    expect(await read({ cookie })).toBe(401);
    expect(await read({ cookie, origin: 'http://evil.example.com' })).toBe(403);
    // The link works once.
    const again = await app.request(link);
    expect([again.status, await again.text()]).toEqual([401, expect.stringContaining('used already')]);
  });

  test('is nobody without a session, by a made-up one, or by the statement itself', async () => {
    const statement = await statementOf('lead', lead);
    for (const headers of [
      {},
      bearer('made-up'),
      bearer(statement),
      { cookie: 'oncall_codec=made-up', origin: ui },
    ])
      for (const path of ['/decode', '/encode', '/default/decode'])
        expect(await read({ ...headers }, path)).toBe(401);
    const answer = await ask({}, [await sealed()]);
    expect(await answer.json()).toEqual({ error: 'Nothing is read: sign in first: `oncall codec sign-in`.' });
  });

  test.each([
    ['an agent', () => statementOf('bot', bot)],
    ['an operator by another one’s key', () => statementOf('lead', second)],
    ['a name that the configuration does not know', () => statementOf('ghost', lead)],
    ['a statement for another server', () => statementOf('lead', lead, signInClaim('http://127.0.0.1:9999'))],
    [
      'a statement about something else',
      () => statementOf('lead', lead, { ...signInClaim(url), type: 'lift:freeze' }),
    ],
    [
      'an old statement',
      async () => {
        const statement = await statementOf('lead', lead);
        clock += 6 * 60_000;
        return statement;
      },
    ],
    [
      'a front door',
      () =>
        sign(
          { door: 'lead', agent: 'second', bearer: 'x' },
          readPrivateKey(lead.privateKey),
          signInClaim(url),
        ),
    ],
    ['nonsense', async () => 'nonsense'],
  ])('is not %s', async (_who, statement) => {
    expect((await session(await statement())).status).toBe(401);
  });

  test('is nobody while the configuration cannot be read, or the store be asked; after that, who was before', async () => {
    const token = await tokenOf('lead');
    for (const away of ['configuration', 'store']) {
      [isReadable, isStoreAway] = [away !== 'configuration', away === 'store'];
      expect(await read(bearer(token))).toBe(503);
      expect((await session(await statementOf('lead', lead))).status).toBe(503);
    }
    isStoreAway = false;
    expect(await read(bearer(token))).toBe(200);
  });

  test('ends with the sign-in, with the operator, and with a disabling', async () => {
    const [token, theirs] = [await tokenOf('lead'), await tokenOf('second', second)];
    expect([await read(bearer(token)), await read(bearer(theirs))]).toEqual([200, 200]);
    policy = configured(`operators: { lead: { public_key: ${lead.publicKey} } }\n`);
    expect([await read(bearer(token)), await read(bearer(theirs))]).toEqual([200, 401]);
    policy = configured(everybody);
    const row = await press(store(), { kind: 'disable', name: 'lead', by_whom: 'second', reason: 'left' });
    expect([await read(bearer(token)), await read(bearer(theirs))]).toEqual([401, 200]);
    expect(await (await session(await statementOf('lead', lead))).json()).toEqual({
      error: expect.stringMatching(/^lead is disabled since \S+Z by second \(left\)$/),
    });
    const word = { row, operator: 'second', statement: await statementOf('second', second, liftClaim(row)) };
    expect(await lift(store(), policy, word, clock)).toBe(true);
    expect(await read(bearer(token))).toBe(200);
    clock += 8 * 3_600_000 + 1;
    expect(await read(bearer(token))).toBe(401);
  });
});

describe('what is read', () => {
  test('is what our keys encrypted, and comes back encrypted from /encode; the rest comes as it is', async () => {
    const headers = bearer(await tokenOf('lead'));
    const foreign = await sealed(other);
    const broken = { ...(await sealed()), data: Buffer.alloc(60).toString('base64') };
    const asked = [await sealed(), written(plain), foreign, broken];
    const answer = await ask(headers, asked);
    const { payloads } = (await answer.json()) as { payloads: unknown[] };
    expect(payloads).toEqual([written(plain), written(plain), foreign, broken]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const encoded = (await (await ask(headers, [written(plain)], '/encode')).json()) as {
      payloads: { data: string }[];
    };
    expect(Buffer.from(encoded.payloads[0]?.data ?? '', 'base64').toString('latin1')).not.toContain(
      'latency',
    );
    expect(await (await ask(headers, encoded.payloads)).json()).toEqual({ payloads: [written(plain)] });
  });

  test('is of our namespace alone, by header or by path', async () => {
    const headers = bearer(await tokenOf('lead'));
    expect(await read({ ...headers, 'x-namespace': 'payroll' })).toBe(403);
    expect(await read({ ...headers, 'x-namespace': '' })).toBe(403);
    expect(await read(headers, '/payroll/decode')).toBe(403);
    expect(await read({ ...headers, 'x-namespace': 'payroll' }, '/default/decode')).toBe(200);
  });

  test.each(['', '[]', '{"payloads":{}}', '{"payloads":[{"data":"%"}]}'])(
    'is nothing for %j',
    async (body) => {
      const headers = { ...bearer(await tokenOf('lead')), 'x-namespace': 'default' };
      expect((await app.request('/decode', { method: 'POST', headers, body })).status).toBe(400);
    },
  );
});

test('a browser is told that the UI may ask with its cookie, and no other page', async () => {
  const preflight = (origin: string) => app.request('/decode', { method: 'OPTIONS', headers: { origin } });
  const answer = await preflight(ui);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'access-control-allow-origin': ui,
    'access-control-allow-credentials': 'true',
    'access-control-allow-headers': 'Authorization, Content-Type, X-Namespace',
  });
  const foreign = await preflight('http://evil.example.com');
  expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null]);
});
