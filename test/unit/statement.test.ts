import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
} from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../gate/canonical.ts';
import { PublicKey } from '../../gate/configuration.ts';
import {
  type Claim,
  claimedAgent,
  freshForMs,
  newKeyPair,
  readPrivateKey,
  StatementError,
  sign,
  verify,
} from '../../gate/statement.ts';

const pair = newKeyPair();
const key = readPrivateKey(pair.privateKey);
const other = newKeyPair();
const claim: Claim = {
  target: 'respond:main:P1',
  type: 'start:respondToIncident',
  input: [{ account: 'main', incident: 'P1', assess: 'rules' }],
};
const now = Date.parse('2026-06-24T10:00:00Z');

const heard = (statement: string, changed: Partial<Claim> = {}, at = now, publicKey = pair.publicKey) =>
  verify(statement, [publicKey], { ...claim, ...changed }, at);

/** A statement as `sign` makes it, with parts replaced; `undefined` leaves a claim out. */
function forged(
  payload: object = {},
  header: object = {},
  by: KeyObject | Uint8Array = key,
): Promise<string> {
  const { target, type } = claim;
  const honest = {
    iss: 'bot',
    aud: 'oncall-runner',
    iat: now / 1000,
    jti: 'j1',
    target,
    type,
    digest: digestOf(claim.input),
  };
  return new SignJWT({ ...honest, ...payload })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'oncall-statement+jwt', ...header })
    .sign(by);
}
/** The same, where the library would refuse to sign. */
async function signedByHand(header: object): Promise<string> {
  const [, payload] = (await forged()).split('.');
  const honest = { alg: 'EdDSA', typ: 'oncall-statement+jwt' };
  const text = `${Buffer.from(JSON.stringify({ ...honest, ...header })).toString('base64url')}.${payload}`;
  return `${text}.${signBytes(null, Buffer.from(text), key).toString('base64url')}`;
}
const forgery = 'was not signed with the key that the configuration holds';

describe('a statement that proves', () => {
  test('what its agent asked, to whoever holds the public key', async () => {
    const statement = await sign('bot', key, claim, now + 999);
    expect(claimedAgent(statement)).toBe('bot');
    expect(await heard(statement)).toEqual({
      agent: 'bot',
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      signedAt: now,
    });
  });

  test('is another one each time, and holds none of the input', async () => {
    const [one, two] = await Promise.all([sign('bot', key, claim, now), sign('bot', key, claim, now)]);
    expect((await heard(one)).jti).not.toBe((await heard(two)).jti);
    expect(Buffer.from(one.split('.')[1] ?? '', 'base64url').toString()).not.toContain('rules');
    expect(one.length).toBeLessThan(600);
  });

  test('is what the honest forgery below is, too', async () => {
    const proved = { agent: 'bot', jti: 'j1', signedAt: now };
    expect(await heard(await forged())).toEqual(proved);
    expect(await heard(await signedByHand({}))).toEqual(proved);
  });

  test.each<[string, unknown, unknown]>([
    ['the order of keys', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
    ['a key without a value', { a: 1, b: undefined }, { a: 1 }],
    ['minus nothing', { a: -0 }, { a: 0 }],
    ['no input at all', undefined, undefined],
  ])('does not hang on %s', async (_what, signed, travelled) => {
    const statement = await sign('bot', key, { ...claim, input: signed }, now);
    await expect(heard(statement, { input: travelled })).resolves.toMatchObject({ agent: 'bot' });
  });

  test.each([-freshForMs, -1, 0, 1, freshForMs])('holds %d ms away from its use', async (away) => {
    const statement = await sign('bot', key, claim, now);
    await expect(heard(statement, {}, now + away)).resolves.toMatchObject({ signedAt: now });
    expect(freshForMs).toBe(300_000);
  });
});

describe('a statement proves nothing', () => {
  test.each<[string, Partial<Claim>, string]>([
    ['for another run', { target: 'respond:main:P2' }, 'was made for another run'],
    ['for a run whose id only begins so', { target: 'respond:main:P12' }, 'was made for another run'],
    ['for another Workflow', { type: 'start:resolveIncident' }, 'was made for another kind of request'],
    ['for an Update', { type: 'update:giveFinding' }, 'was made for another kind of request'],
    [
      'for other input',
      { input: [{ account: 'main', incident: 'P2', assess: 'rules' }] },
      'was made for other input',
    ],
    [
      'for more input',
      { input: [{ account: 'main', incident: 'P1', assess: 'rules', x: 1 }] },
      'was made for other input',
    ],
    ['for a second argument', { input: [...(claim.input as []), 1] }, 'was made for other input'],
    ['for input of another order', { input: [[2, 1]] }, 'was made for other input'],
    ['for no input', { input: undefined }, 'was made for other input'],
    [
      'for a number as text',
      { input: [{ account: 'main', incident: 'P1', assess: true }] },
      'was made for other input',
    ],
  ])('%s', async (_what, changed, sentence) => {
    await expect(heard(await sign('bot', key, claim, now), changed)).rejects.toThrow(
      new StatementError(sentence),
    );
  });

  test.each([-300_001, 300_001, -86_400_000, 86_400_000])('%d ms away from its use', async (away) => {
    const statement = await sign('bot', key, claim, now);
    await expect(heard(statement, {}, now + away)).rejects.toThrow(
      new StatementError('is too old: it was signed more than five minutes away from its use'),
    );
  });

  test('under the key of another agent', async () => {
    const theirs = await sign('other', readPrivateKey(other.privateKey), claim, now);
    await expect(heard(theirs)).rejects.toThrow(new StatementError(forgery));
    await expect(heard(await sign('bot', key, claim, now), {}, now, other.publicKey)).rejects.toThrow(
      new StatementError(forgery),
    );
  });

  test('for an agent whose name was put over another’s', async () => {
    const theirs = await sign('other', readPrivateKey(other.privateKey), claim, now);
    const [header, payload = '', signature] = theirs.split('.');
    const renamed = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    const body = Buffer.from(JSON.stringify({ ...renamed, iss: 'bot' })).toString('base64url');
    const statement = `${header}.${body}.${signature}`;
    expect(claimedAgent(statement)).toBe('bot');
    await expect(heard(statement)).rejects.toThrow(new StatementError(forgery));
    await expect(heard(statement, {}, now, other.publicKey)).rejects.toThrow(new StatementError(forgery));
  });

  const publicBytes = Buffer.from(pair.publicKey, 'base64url');
  const publicPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  test.each<[string, () => string | Promise<string>]>([
    [
      'without a signature',
      () =>
        new UnsecuredJWT({ target: claim.target, type: claim.type, digest: digestOf(claim.input), jti: 'j' })
          .setIssuer('bot')
          .setAudience('oncall-runner')
          .setIssuedAt(now / 1000)
          .encode(),
    ],
    ['by HMAC with the bytes of the public key', () => forged({}, { alg: 'HS256' }, publicBytes)],
    [
      'by HMAC with the text of the public key',
      () => forged({}, { alg: 'HS256' }, Buffer.from(pair.publicKey)),
    ],
    ['by HMAC with the PEM of the public key', () => forged({}, { alg: 'HS512' }, Buffer.from(publicPem))],
    [
      'by another curve',
      () => forged({}, { alg: 'ES256' }, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    ],
    [
      'with a key of its own in the header',
      () =>
        forged(
          {},
          { jwk: createPublicKey(createPrivateKey(other.privateKey)).export({ format: 'jwk' }) },
          createPrivateKey(other.privateKey),
        ),
    ],
    ['of another type', () => forged({}, { typ: 'JWT' })],
    ['of no type', () => forged({}, { typ: undefined })],
    ['with an extension that must be understood', () => signedByHand({ crit: ['oncall'], oncall: 1 })],
    ['for another audience', () => forged({ aud: 'another' })],
    ['that ran out by its own word', () => forged({ exp: 1 })],
    ['with a time that is text', () => forged({ iat: 'now' })],
    ...['iss', 'aud', 'iat', 'jti', 'target', 'type', 'digest'].map(
      (name): [string, () => Promise<string>] => [`without ${name}`, () => forged({ [name]: undefined })],
    ),
    ['of another signature', async () => `${(await forged()).slice(0, -4)}AAAA`],
    ['of no signature', async () => (await forged()).replace(/[^.]+$/, '')],
    ['in two parts', async () => (await forged()).replace(/\.[^.]+$/, '')],
    ['of nothing', () => ''],
    ['of dots', () => '..'],
    ['of noise', () => 'eyJ\u0000.💥.x'],
    ['of a megabyte', () => 'x'.repeat(1_000_000)],
  ])('%s', async (_what, make) => {
    await expect(heard(await make())).rejects.toThrow(new StatementError(forgery));
  });

  test.each(['', 'x', '..', 'a.b.c', `${'e'.repeat(100)}.e.e`])('and names nobody: %j', (statement) => {
    expect(claimedAgent(statement)).toBeUndefined();
  });
});

describe('keys', () => {
  test('the public half of a new pair is what the configuration takes', () => {
    for (let index = 0; index < 50; index += 1) {
      const { publicKey, privateKey } = newKeyPair();
      expect(PublicKey.safeParse(publicKey).success).toBe(true);
      expect(createPublicKey(readPrivateKey(privateKey)).export({ format: 'jwk' })).toMatchObject({
        x: publicKey,
      });
    }
  });

  test('no two pairs are the same, and the private half says what it is', () => {
    expect(pair.privateKey).not.toBe(other.privateKey);
    expect(pair.privateKey).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = { type: 'pkcs8', format: 'pem' } as const;
  const x25519 = generateKeyPairSync('x25519').privateKey.export(pem).toString();
  const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pem).toString();
  const locked = key.export({ ...pem, cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
  const refused: [string, string][] = [
    ['RSA', rsa.privateKey.export(pem).toString()],
    ['a curve of NIST’s', elliptic],
    ['X25519', x25519],
    ['a public key', createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString()],
    ['a key behind a passphrase', locked],
    ['a key cut short', pair.privateKey.slice(0, -40)],
    ['the public half as the configuration has it', pair.publicKey],
    ['noise', 'hello'],
    ['nothing', ''],
  ];
  test.each(refused)('%s is no key of an agent', (_what, text) => {
    expect(() => readPrivateKey(text)).toThrow();
  });

  test('what is no key at all is refused by a TypeError, as promised', () => {
    expect(() => readPrivateKey('hello')).toThrow(TypeError);
  });

  test.each(['_'.repeat(43), 'A'.repeat(43), `${'A'.repeat(42)}B`])(
    'a public key that is no key, %s, proves nothing',
    async (publicKey) => {
      await expect(heard(await forged(), {}, now, publicKey)).rejects.toThrow(new StatementError(forgery));
    },
  );
});
