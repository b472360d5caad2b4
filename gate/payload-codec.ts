import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { EncryptionUnusable, type KeyRing } from './encryption.ts';

const wire = proto.temporal.api.common.v1.Payload;

/** How an encrypted payload says that it is one; the name that Temporal's own samples use. */
const encryptedEncoding = 'binary/encrypted';
const keyIdField = 'encryption-key-id';

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Encrypts each payload whole, its metadata too, with a nonce of its own: nonce, ciphertext, tag. Beside it stands the id of the key
 * alone. What was written plain, before encryption was on, is read as it is.
 */
export class EncryptionCodec implements PayloadCodec {
  readonly #ring: KeyRing;

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  /** Whether what is written now is encrypted. */
  get encrypts(): boolean {
    return this.#ring.current !== undefined;
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    const { current, keys } = this.#ring;
    const key = current === undefined ? undefined : keys.get(current);
    if (current === undefined || !key) return payloads;
    const id = Buffer.from(current);
    return payloads.map((payload) => {
      const nonce = randomBytes(nonceBytes);
      const sealing = createCipheriv(cipher, key, nonce).setAAD(id);
      const sealed = [nonce, sealing.update(wire.encode(payload).finish()), sealing.final()];
      return {
        metadata: { encoding: Buffer.from(encryptedEncoding), [keyIdField]: id },
        data: Buffer.concat([...sealed, sealing.getAuthTag()]),
      };
    });
  }

  /** @throws EncryptionUnusable where a payload is encrypted with a key that is not here, or was changed. */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => {
      const id = keyIdOf(payload);
      return id === undefined ? payload : this.#open(payload, id);
    });
  }

  #open({ data }: Payload, id: string): Payload {
    const key = this.#ring.keys.get(id);
    if (!key)
      throw new EncryptionUnusable(
        `A payload is encrypted with the key ${JSON.stringify(id)}, which this process does not have; name it under encryption.keys in its oncall.yaml and start it again.`,
      );
    const bytes = Buffer.from(data ?? []);
    try {
      const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes))
        .setAAD(Buffer.from(id))
        .setAuthTag(bytes.subarray(-tagBytes));
      return wire.decode(
        Buffer.concat([opening.update(bytes.subarray(nonceBytes, -tagBytes)), opening.final()]),
      );
    } catch {
      throw new EncryptionUnusable(
        `A payload does not open with the key ${JSON.stringify(id)}: it was changed on its way, or this process has another key under that id.`,
      );
    }
  }
}

/** The id of the key that a payload is encrypted with; `undefined` where it is plain. */
export function keyIdOf({ metadata }: Payload): string | undefined {
  const text = (field: string): string => Buffer.from(metadata?.[field] ?? []).toString();
  return text('encoding') === encryptedEncoding ? text(keyIdField) : undefined;
}

/**
 * How a process writes and reads what it tells Temporal. One that encrypts also hides what failures say: their words are then a
 * payload like the others.
 */
export const dataConverterOf = (ring: KeyRing): DataConverter => ({
  payloadCodecs: [new EncryptionCodec(ring)],
  ...(ring.current !== undefined && { failureConverterPath }),
});

/** Temporal's SDK loads it by its path, in the process and in the Workflows' bundle. */
export const failureConverterPath = fileURLToPath(
  new URL('../workflows/failure-converter.cjs', import.meta.url),
);
