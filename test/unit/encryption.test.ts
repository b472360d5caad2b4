import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure, defaultPayloadConverter, type Payload } from '@temporalio/common';
import { afterAll, describe, expect, test } from 'vitest';
import { lookAtEncryption } from '../../client/doctor/encryption.ts';
import { type Encryption, keyRing } from '../../gate/encryption.ts';
import { keysIn } from '../../gate/encryption-source.ts';
import { dataConverterOf, EncryptionCodec, failureConverterPath, keyIdOf } from '../../gate/payload-codec.ts';
import { PolicyError, parsePolicy } from '../../gate/policy.ts';
import { secretsFrom } from '../../gate/secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'oncall-encryption-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [one, two] = [randomBytes(32), randomBytes(32)];
const env = {
  K1: one.toString('base64'),
  K2: two.toString('hex'),
  SHORT: randomBytes(16).toString('base64'),
  WORDS: 'not a key at all',
};
const secrets = secretsFrom(env, 'this test');
const ringOf = (encryption: Encryption) => keyRing(encryption, secrets);
const both = { k1: 'env:K1', k2: 'env:K2' };
const planted = { title: 'Card numbers leak in checkout', by: 'ada@example.com' };
const payload = defaultPayloadConverter.toPayload(planted);
const bytesOf = ({ metadata, data }: Payload): string =>
  Buffer.concat([...Object.values(metadata ?? {}), data ?? Buffer.alloc(0)]).toString('latin1');

async function sealed(encryption: Encryption, what = payload): Promise<Payload> {
  const [found] = await new EncryptionCodec(ringOf(encryption)).encode([what]);
  if (!found) throw new Error('nothing came back');
  return found;
}

async function opened(encryption: Encryption, what: Payload): Promise<unknown> {
  const [found] = await new EncryptionCodec(ringOf(encryption)).decode([what]);
  return found && defaultPayloadConverter.fromPayload(found);
}

describe('a payload', () => {
  test('is encrypted whole, with a nonce of its own, and only the key id stands beside it', async () => {
    const [first, second] = [
      await sealed({ current: 'k1', keys: both }),
      await sealed({ current: 'k1', keys: both }),
    ];
    expect(bytesOf(payload)).toContain('Card numbers');
    for (const found of [first, second]) {
      expect(bytesOf(found)).not.toMatch(/Card|ada|json/);
      expect(Object.keys(found.metadata ?? {}).toSorted()).toEqual(['encoding', 'encryption-key-id']);
      expect(keyIdOf(found)).toBe('k1');
      expect(await opened({ current: 'k1', keys: both }, found)).toEqual(planted);
    }
    expect(bytesOf(first)).not.toBe(bytesOf(second));
  });

  test('is read after a rotation, and what is written then has the new key', async () => {
    const before = await sealed({ current: 'k1', keys: { k1: 'env:K1' } });
    const rotated = { current: 'k2', keys: both };
    expect(await opened(rotated, before)).toEqual(planted);
    expect(keyIdOf(await sealed(rotated))).toBe('k2');
  });

  test('stays plain and is read plain where nothing is encrypted any more', async () => {
    const off = { keys: both };
    expect(await sealed(off)).toEqual(payload);
    expect(await opened(off, payload)).toEqual(planted);
    expect(await opened(off, await sealed({ current: 'k1', keys: both }))).toEqual(planted);
  });

  test('does not open without its key, with another one, or once it was changed', async () => {
    const found = await sealed({ current: 'k1', keys: both });
    await expect(opened({ current: 'k2', keys: { k2: 'env:K2' } }, found)).rejects.toThrow(
      'encrypted with the key "k1", which this process does not have; name it under encryption.keys',
    );
    await expect(opened({ current: 'k1', keys: { k1: 'env:K2' } }, found)).rejects.toThrow('does not open');
    const under = { ...found, metadata: { ...found.metadata, 'encryption-key-id': Buffer.from('k2') } };
    await expect(opened({ current: 'k2', keys: { k1: 'env:K1', k2: 'env:K1' } }, under)).rejects.toThrow(
      'does not open',
    );
    const { length } = found.data ?? [];
    expect(length).toBeGreaterThan(60);
    for (let at = 0; at < Number(length); at += 1) {
      const data = Buffer.from(found.data ?? []);
      data.writeUInt8(data.readUInt8(at) ^ 1, at);
      await expect(opened({ current: 'k1', keys: both }, { ...found, data })).rejects.toThrow(
        'does not open',
      );
    }
    for (const data of [Buffer.alloc(0), Buffer.alloc(11), Buffer.from(found.data ?? []).subarray(0, 27)])
      await expect(opened({ current: 'k1', keys: both }, { ...found, data })).rejects.toThrow(
        'does not open',
      );
  });

  test('carries what a failure says, where something is encrypted', async () => {
    expect(dataConverterOf(ringOf({ keys: both })).failureConverterPath).toBeUndefined();
    expect(dataConverterOf(ringOf({ current: 'k1', keys: both })).failureConverterPath).toBe(
      failureConverterPath,
    );
    const { failureConverter } = (await import(failureConverterPath)) as {
      failureConverter: import('@temporalio/common').FailureConverter;
    };
    const error = ApplicationFailure.create({
      message: 'Ada has it.',
      cause: new Error('Card numbers leak'),
    });
    const failure = failureConverter.errorToFailure(error, defaultPayloadConverter);
    expect([failure.message, failure.stackTrace, failure.cause?.message, failure.cause?.stackTrace]).toEqual([
      'Encoded failure',
      '',
      'Encoded failure',
      '',
    ]);
    const back = failureConverter.failureToError(failure, defaultPayloadConverter);
    expect([back.message, back.cause instanceof Error && back.cause.message]).toEqual([
      'Ada has it.',
      'Card numbers leak',
    ]);
  });
});

describe('a key', () => {
  test('is 32 bytes in hexadecimal digits or base64, from the environment or a file', () => {
    const file = join(folder, 'key');
    writeFileSync(file, `${one.toString('base64url')}\n`);
    const keys = { a: 'env:K1', b: 'env:K2', c: `file:${file}` };
    const found = [...ringOf({ current: 'a', keys }).keys.values()].map((key) =>
      key.export().toString('hex'),
    );
    expect(found).toEqual([one, two, one].map((bytes) => bytes.toString('hex')));
  });

  test.each([
    [
      'env:NONE',
      'cannot be read: The configuration names env:NONE, but the environment of this test has no NONE.',
    ],
    [
      'file:/nowhere/key',
      'cannot be read: The configuration names file:/nowhere/key, but that file cannot be read or is empty.',
    ],
    [
      'env:SHORT',
      'cannot be used: env:SHORT holds 16 bytes, and AES-256 takes 32 bytes; make one with `openssl rand -base64 32`.',
    ],
    ['env:WORDS', 'cannot be used: env:WORDS holds neither base64 nor hexadecimal digits'],
  ])('%s is refused in a sentence with the mend, and nothing of it is told', (ref, sentence) => {
    const refused = () => ringOf({ current: 'k9', keys: { ...both, k9: ref } });
    expect(refused).toThrow(`The encryption key k9 ${sentence}`);
    for (const secret of [env.SHORT, env.WORDS]) expect(refused).not.toThrow(secret);
  });
});

test('`oncall doctor` names each key that cannot be used, with the mend, and reads with the others', () => {
  const keys = { k1: 'env:K1', k2: 'env:NONE', k3: 'env:SHORT' };
  const { findings, ring } = lookAtEncryption({ current: 'k2', keys }, secrets);
  expect([...ring.keys.keys()]).toEqual(['k1']);
  expect(ring.current).toBeUndefined();
  expect(findings).toEqual([
    {
      of: 'encryption',
      what: expect.stringContaining('k2 cannot be read'),
      mend: expect.stringContaining('for k2'),
    },
    {
      of: 'encryption',
      what: expect.stringContaining('holds 16 bytes'),
      mend: expect.stringContaining('for k3'),
    },
  ]);
  expect(lookAtEncryption(undefined, secrets).findings).toEqual([]);
});

describe('the configuration', () => {
  const section = (text: string): string => `encryption: ${text}\n`;

  test('names keys, never holds them, and writes with one that it names', () => {
    const { encryption } = parsePolicy(section('{ current: k2, keys: { k1: env:K1, k2: file:/keys/k2 } }'));
    expect(encryption).toEqual({ current: 'k2', keys: { k1: 'env:K1', k2: 'file:/keys/k2' } });
    for (const [text, why] of [
      [
        section('{ current: k3, keys: { k1: env:K1 } }'),
        'oncall.yaml:1:15: encryption.current: there is no key k3; there are k1',
      ],
      [
        section(`{ current: k1, keys: { k1: ${env.K1} } }`),
        'encryption.keys.k1: a key is named, never written here',
      ],
      [section('{ keys: {} }'), 'takes at least one key'],
      [section('{ current: k1, keys: { k1: env:K1 }, cipher: none }'), 'encryption.cipher: no such key'],
    ] as const) {
      const refused = () => parsePolicy(text);
      expect(refused).toThrow(PolicyError);
      expect(refused).toThrow(why);
      expect(refused).not.toThrow(env.K1);
    }
  });

  test('tells of keys although something else in it is wrong; a fault of its own stops whoever reads it', () => {
    const file = join(folder, 'oncall.yaml');
    const keysOf = (text: string) => {
      writeFileSync(file, text);
      return [...keysIn(file, secrets).keys.keys()];
    };
    expect(
      keysOf(`agents: { bot: { grants: { incidents: perhaps } } }\n${section('{ keys: { k1: env:K1 } }')}`),
    ).toEqual(['k1']);
    expect(keysOf('accounts: {}\n')).toEqual([]);
    expect([...keysIn(join(folder, 'none.yaml'), secrets).keys]).toEqual([]);
    expect(() => keysOf('encryption: {')).toThrow('is not YAML, so nobody knows whether runs are encrypted');
    expect(() => keysOf(section('{ current: k1 }'))).toThrow('docs/encryption.md shows how');
    expect(() => keysIn(folder, secrets)).toThrow(
      'cannot be read, so nobody knows whether runs are encrypted',
    );
  });
});
