import { createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { decodeJwt, importJWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { digestOf } from './canonical.ts';
import { nobody, reservedNames } from './runner.ts';
import { nameOf } from './words.ts';

/** What a statement says: this agent asks exactly this of exactly this run. */
export interface Claim {
  /** Workflow Id the statement is for. */
  readonly target: string;
  /** `start:WORKFLOWTYPE`, `update:NAME`, `approve`, `lift:freeze` and `lift:disable`, or `standing:ACT`. */
  readonly type: string;
  /** The input as it travels; only its digest is signed. */
  readonly input: unknown;
}

/** Who signs: the one who says it, or a front door for an agent that came to it with a token. */
export type Signs =
  | string
  | {
      readonly door: string;
      readonly agent: string;
      /** Id of the token by which the agent came; never the token. */
      readonly bearer: string;
    };

/** A statement that verified. */
export interface Stated {
  /** Whose words it is. */
  readonly agent: string;
  /** Unique id of the statement; the first run that shows it spends it. */
  readonly jti: string;
  /** When it was signed, milliseconds since 1970. */
  readonly signedAt: number;
}

/** Why a statement proves nothing, in the words that follow "the statement". */
export class StatementError extends Error {
  override readonly name = 'StatementError';
}

/** How far the signing and the start of the run may lie apart: a statement is for now. */
export const freshForMs = 5 * 60_000;

/** Header of a run's first event that carries the statement. Readable by all, so it proves nothing beyond its own run. */
export const statementHeader = 'oncall-statement';

const typ = 'oncall-statement+jwt';
const audience = 'oncall-runner';

/** A new Ed25519 pair: the private half as PKCS 8 PEM, the public half as it stands in `oncall.yaml`. */
export function newKeyPair(): { readonly privateKey: string; readonly publicKey: string } {
  const pair = generateKeyPairSync('ed25519');
  const { x } = pair.publicKey.export({ format: 'jwk' });
  return {
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: x ?? '',
  };
}

/**
 * Reads a private key as `newKeyPair` gave it.
 * @throws TypeError where it is not an Ed25519 key in PKCS 8 PEM.
 */
export function readPrivateKey(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new TypeError('not a private key in PEM');
  }

  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key');
  return key;
}

/** Signs a claim: an EdDSA JWS of some 350 characters. `now` in milliseconds. */
export function sign(who: Signs, key: KeyObject, claim: Claim, now = Date.now()): Promise<string> {
  const isDoor = typeof who !== 'string';
  const said = { target: claim.target, type: claim.type, digest: digestOf(claim.input) };
  const jwt = new SignJWT(isDoor ? { ...said, bearer: who.bearer } : said)
    .setProtectedHeader({ alg: 'EdDSA', typ })
    .setIssuer(isDoor ? who.door : who)
    .setAudience(audience)
    .setIssuedAt(Math.floor(now / 1000))
    .setJti(randomUUID());
  return (isDoor ? jwt.setSubject(who.agent) : jwt).sign(key);
}

/** Who a statement says is speaking, before anything is proved. */
export interface Claimed {
  readonly agent: string;
  /** The front door that says so, and the id of the token by which the agent came. */
  readonly door?: { readonly name: string; readonly bearer: string };
}

/** What a statement says of who is speaking, before anything is proved; `undefined` where it is not a statement at all. */
export function claimedIn(statement: string): Claimed | undefined {
  try {
    const { iss, sub, bearer = '' } = decodeJwt(statement) as Readonly<Record<string, unknown>>;
    if (typeof iss !== 'string') return undefined;
    if (sub === undefined) return { agent: iss };
    if (typeof sub !== 'string' || typeof bearer !== 'string') return undefined;
    return { agent: sub, door: { name: iss, bearer } };
  } catch {
    return undefined;
  }
}

/** The agent that a statement names, before anything is proved; `undefined` where it is not a statement at all. */
export const claimedAgent = (statement: string): string | undefined => claimedIn(statement)?.agent;

/** The name under which a statement's request is written down; a name of the gate's own proves nothing and hides nothing. */
export function claimantOf(statement: string): string {
  const claimed = nameOf(claimedAgent(statement) ?? nobody);
  return reservedNames.includes(claimed) ? nobody : claimed;
}

/**
 * Does the statement prove that its agent asked exactly this?
 * @param publicKeys of whom `claimedAgent` named, from the configuration; see `keysAt`.
 * @param heardAt when the run began or the Update came, milliseconds; it must be within five minutes of the signing. Absent
 *   for an approval: it is bound to one step on what its operator saw, and holds for as long as that is so.
 * @throws StatementError saying which part does not fit.
 */
export async function verify(
  statement: string,
  publicKeys: readonly string[],
  claim: Claim,
  heardAt?: number,
): Promise<Stated> {
  const payload = await payloadOf(statement, publicKeys);
  const { iss = '', sub = iss, jti = '', iat = 0 } = payload;
  if (payload['target'] !== claim.target) throw new StatementError('was made for another run');
  if (payload['type'] !== claim.type) throw new StatementError('was made for another kind of request');
  if (payload['digest'] !== digestOf(claim.input)) throw new StatementError('was made for other input');
  const signedAt = iat * 1000;
  if (heardAt !== undefined && Math.abs(heardAt - signedAt) > freshForMs)
    throw new StatementError('is too old: it was signed more than five minutes away from its use');
  return { agent: sub, jti, signedAt };
}

/** What is signed, where one of the keys signed it. */
async function payloadOf(statement: string, publicKeys: readonly string[]): Promise<JWTPayload> {
  for (const x of publicKeys) {
    try {
      const key = await importJWK({ kty: 'OKP', crv: 'Ed25519', x }, 'EdDSA');
      const { payload } = await jwtVerify(statement, key, {
        algorithms: ['EdDSA'],
        audience,
        typ,
        requiredClaims: ['iss', 'iat', 'jti', 'target', 'type', 'digest'],
      });
      return payload;
    } catch {
      // The next key may fit.
    }
  }
  throw new StatementError('was not signed with the key that the configuration holds');
}

/** Somebody who signs, as configured. */
export interface Signer {
  readonly public_key?: string | undefined;
  readonly previous_keys?: readonly { readonly public_key: string; readonly until: string }[] | undefined;
}

/** The keys that prove what was said at an instant (milliseconds): a rotated one proves what came before its rotation. */
export const keysAt = ({ public_key, previous_keys = [] }: Signer, at: number): readonly string[] => [
  ...(public_key === undefined ? [] : [public_key]),
  ...previous_keys.filter(({ until }) => at < Date.parse(until)).map((previous) => previous.public_key),
];
