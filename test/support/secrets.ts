import { createPrivateKey } from 'node:crypto';
import type { World } from '../../simulator/world.ts';

/** Something that must stand nowhere but in its own file. */
export interface Secret {
  /** What it is, for the sentence that says where it was found. */
  readonly name: string;
  /** A token as it is sent, or a private key as PEM. */
  readonly value: string;
}

/** A place that is searched. */
export interface Place {
  readonly name: string;
  readonly bytes: Buffer;
}

/** What PagerDuty gave out meanwhile: OAuth tokens, with the secrets of the apps that could ask for them, and webhook secrets. */
export function issuedBy(world: World, known: ReadonlySet<string>): readonly Secret[] {
  const tokens = [...world.credentials.keys()].filter((key) => !known.has(key));
  const apps = tokens.length === 0 ? [] : [...world.oauthClients.values()];
  return [
    ...tokens.map((value) => ({ name: 'an OAuth token', value })),
    ...apps.map(({ id, secret }) => ({ name: `the secret of the app ${id}`, value: secret })),
    ...world.subscriptions
      .list()
      .flatMap(({ id, secrets }) =>
        secrets.map((value) => ({ name: `the secret of the webhook ${id}`, value })),
      ),
  ];
}

/** Where secrets stand in the open or thinly veiled: a sentence each. */
export function findSecrets(places: readonly Place[], secrets: readonly Secret[]): readonly string[] {
  return secrets.flatMap(({ name, value }) => {
    const forms = formsOf(value);
    return places.flatMap((place) => {
      const form = forms.find(({ bytes }) => place.bytes.includes(bytes));
      return form ? [`${name} stands in ${place.name} (${form.name})`] : [];
    });
  });
}

interface Form {
  readonly name: string;
  readonly bytes: Buffer;
}

/** How a secret can be written: as it is, in hex, percent-encoded, and in base64 at any place of a longer text. */
function formsOf(value: string): readonly Form[] {
  if (!value.includes('PRIVATE KEY')) {
    return [
      ...encodings(Buffer.from(value)),
      { name: 'percent-encoded', bytes: Buffer.from(encodeURIComponent(value)) },
    ];
  }
  const body = value.replace(/-----[^-]+-----|\s/g, '');
  const asPem = { name: 'as PEM', bytes: Buffer.from(body) };
  try {
    const { d = '' } = createPrivateKey(value).export({ format: 'jwk' });
    return [...encodings(Buffer.from(d, 'base64url')), asPem];
  } catch {
    // Under a passphrase, or cut: what stands in its file is all there is of it.
    return [asPem];
  }
}

function encodings(bytes: Buffer): readonly Form[] {
  const hex = bytes.toString('hex');
  return [
    { name: 'as it is', bytes },
    { name: 'in hex', bytes: Buffer.from(hex) },
    { name: 'in hex', bytes: Buffer.from(hex.toUpperCase()) },
    ...(['base64', 'base64url'] as const).flatMap((encoding) =>
      [0, 1, 2].map((offset) => ({
        name: `in ${encoding}`,
        bytes: Buffer.from(within(bytes, encoding, offset)),
      })),
    ),
  ];
}

/** The characters that bytes have in base64 whatever stands around them, when they begin at this offset of a group of three. */
function within(bytes: Buffer, encoding: 'base64' | 'base64url', offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString(encoding);
  const firstWhole = Math.ceil((offset * 8) / 6);
  const lastWhole = Math.floor(((offset + bytes.length) * 8) / 6);
  return text.slice(firstWhole, lastWhole);
}
