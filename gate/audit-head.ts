import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Stamp } from './audit.ts';
import { canonical } from './canonical.ts';

/** The end of the chain at one moment, signed with a key that whoever writes the store does not have. */
export interface SignedHead extends Stamp {
  /** ISO 8601. */
  readonly at: string;
  /** Ed25519, base64url. */
  readonly signature: string;
}

/** What is signed: with a purpose, so that the signature fits nothing else. */
const signedBytes = ({ seq, hash, at }: Omit<SignedHead, 'signature'>): Buffer =>
  Buffer.from(canonical({ purpose: 'oncall-runner audit head', seq, hash, at }));

/** Signs where the chain ends. */
export function signHead({ seq, hash }: Stamp, key: KeyObject, now = new Date()): SignedHead {
  const head = { seq, hash, at: now.toISOString() };
  return { ...head, signature: sign(null, signedBytes(head), key).toString('base64url') };
}

/**
 * Reads a public key: as it stands in `oncall.yaml`, or a PEM.
 * @throws TypeError where it is no Ed25519 key.
 */
export function readPublicKey(text: string): KeyObject {
  const trimmed = text.trim();
  let key: KeyObject;
  try {
    key = trimmed.startsWith('-----')
      ? createPublicKey(trimmed)
      : createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: trimmed }, format: 'jwk' });
  } catch {
    throw new TypeError('not a public key');
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key');
  return key;
}

/** A line of the file of heads that proves nothing. */
export interface BadLine {
  /** Counted from 1. */
  readonly line: number;
  readonly why: string;
}

/** Reads a file of heads, a line each: those that the key signed, and the lines that it did not. */
export function readHeads(
  text: string,
  key: KeyObject,
): { readonly heads: readonly SignedHead[]; readonly bad: readonly BadLine[] } {
  const heads: SignedHead[] = [];
  const bad: BadLine[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const head = parsed(line);
    if (!head) bad.push({ line: index + 1, why: 'is no signed head; it was cut or changed' });
    else if (!verify(null, signedBytes(head), key, Buffer.from(head.signature, 'base64url')))
      bad.push({ line: index + 1, why: 'was not signed with this key, or was changed since' });
    else heads.push(head);
  }
  return { heads, bad };
}

function parsed(line: string): SignedHead | undefined {
  try {
    const head = (JSON.parse(line) ?? {}) as Partial<Record<keyof SignedHead, unknown>>;
    const { seq, hash, at, signature } = head;
    if (typeof seq !== 'number' || typeof hash !== 'string') return undefined;
    if (typeof at !== 'string' || typeof signature !== 'string') return undefined;
    return { seq, hash, at, signature };
  } catch {
    return undefined;
  }
}
