import { createSecretKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Secrets } from './secrets.ts';

/** Stands readable beside everything that its key encrypted. */
const KeyId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/, 'a key id is letters, digits, dots and dashes, such as k1');

/** Where a key lies; never the key itself. */
const KeyRef = z
  .string()
  .regex(/^(?:env|file):\S+$/, 'a key is named, never written here: env:NAME or file:PATH');

/** The section `encryption`: every key that is still needed for reading, and the one for writing. */
export const Encryption = z
  .strictObject({
    // Left out, nothing new is encrypted, and what was is still read.
    current: KeyId.optional(),
    keys: z.record(KeyId, KeyRef).refine((keys) => Object.keys(keys).length > 0, 'takes at least one key'),
  })
  .superRefine(({ current, keys }, context) => {
    if (current !== undefined && !Object.hasOwn(keys, current))
      context.addIssue({
        code: 'custom',
        path: ['current'],
        message: `there is no key ${current}; there are ${Object.keys(keys).join(', ')}`,
      });
  });
export type Encryption = z.output<typeof Encryption>;

/** The keys of a process: all of them decrypt, the current one encrypts. */
export interface KeyRing {
  readonly current?: string;
  readonly keys: ReadonlyMap<string, KeyObject>;
}

/** Of a process that has no keys: it writes plain, and says so of what it cannot read. */
export const noKeys: KeyRing = { keys: new Map() };

/** Why nothing can be encrypted or read as configured, in a sentence with the mend. */
export class EncryptionUnusable extends Error {
  override readonly name = 'EncryptionUnusable';
}

const keyBytes = 32;

/**
 * Reads the keys that the configuration names.
 * @throws EncryptionUnusable for the first that is missing or is no key; nothing of a key is ever told.
 */
export function keyRing(encryption: Encryption | undefined, secrets: Secrets): KeyRing {
  if (!encryption) return noKeys;
  const { current, keys } = encryption;
  return {
    ...(current !== undefined && { current }),
    keys: new Map(Object.entries(keys).map(([id, ref]) => [id, keyAt(id, ref, secrets)])),
  };
}

/** One key of the configuration. */
export function keyAt(id: string, ref: string, secrets: Secrets): KeyObject {
  const bytes = bytesIn(textAt(id, ref, secrets));
  if (bytes?.length === keyBytes) return createSecretKey(bytes);
  const what = bytes ? `holds ${bytes.length} bytes` : 'holds neither base64 nor hexadecimal digits';
  throw new EncryptionUnusable(
    `The encryption key ${id} cannot be used: ${ref} ${what}, and AES-256 takes ${keyBytes} bytes; make one with \`openssl rand -base64 ${keyBytes}\`.`,
  );
}

function textAt(id: string, ref: string, secrets: Secrets): string {
  try {
    return secrets(ref as Parameters<Secrets>[0]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new EncryptionUnusable(
      `The encryption key ${id} cannot be read: ${why} Without it nothing that it encrypted can be read; put it there, or take the key out of encryption.keys once no run needs it.`,
    );
  }
}

/** The bytes that a text stands for, in hexadecimal digits or base64 of either alphabet; `undefined` where it is neither. */
function bytesIn(text: string): Buffer | undefined {
  if (/^(?:[0-9a-fA-F]{2})+$/.test(text) && text.length === keyBytes * 2) return Buffer.from(text, 'hex');
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}
