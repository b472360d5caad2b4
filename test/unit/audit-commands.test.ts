import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exportAudit } from '../../client/commands/audit-export.ts';
import { signAuditHead } from '../../client/commands/audit-sign-head.ts';
import { verify } from '../../client/commands/audit-verify.ts';
import { append, hashOf } from '../../gate/audit.ts';
import { openStore, type Store, storeFile, transact } from '../../gate/audit-store.ts';
import { canonical } from '../../gate/canonical.ts';
import { newKeyPair } from '../../gate/statement.ts';
import { rehash, rewrite, setColumns } from './tampering.ts';
import { record, temporaryFolder } from './temporary-store.ts';

const folder = temporaryFolder();
const before = { ...process.env };
let store: Store;
let said: string[];
let printed: { value: unknown; text: string }[];
const output = {
  say: (line: string): void => void said.push(line),
  result: (value: unknown, text: string): void => void printed.push({ value, text }),
};

beforeEach(async () => {
  said = [];
  printed = [];
  process.env['ONCALL_HOME'] = folder();
  process.env['TEMPORAL_CONFIG_FILE'] = join(folder(), 'none.toml');
  writeFileSync(join(folder(), 'none.toml'), '[profile.default]\n');
  delete process.env['TEMPORAL_ADDRESS'];
  store = await openStore(storeFile(folder()));
  await write(3);
});
afterEach(async () => {
  await store.destroy();
  process.env = { ...before };
});

const write = (count: number): Promise<unknown> =>
  transact(store, (tx) =>
    append(
      tx,
      Array.from({ length: count }, (_, index) => record({ step: `step ${index}` })),
    ),
  );

describe('oncall audit export', () => {
  /** Takes what is written, and no more than so many pieces. */
  const sink = (most = Number.POSITIVE_INFINITY): { readonly to: Writable; readonly text: () => string } => {
    let text = '';
    let pieces = 0;
    const to = new Writable({
      write: (piece, _encoding, taken) => {
        pieces += 1;
        if (pieces > most) return taken(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
        text += String(piece);
        return taken();
      },
    });
    return { to, text: () => text };
  };
  const exported = async (options: Parameters<typeof exportAudit>[0] = {}) => {
    const { to, text } = sink();
    expect(await exportAudit(options, to)).toBe(0);
    return text()
      .split('\n')
      .filter(Boolean)
      .map(
        (line) => JSON.parse(line) as Record<string, unknown> & { seq: number; prev: string; hash: string },
      );
  };

  test('gives a line for each record, from which the chain can be reckoned again', async () => {
    await write(2_500);
    const lines = await exported();
    expect(lines.map(({ seq }) => seq)).toEqual(Array.from({ length: 2_503 }, (_, index) => index + 1));
    let last = '';
    for (const { prev, hash, ...content } of lines) {
      expect(prev).toBe(last);
      expect(hash).toBe(hashOf(prev, canonical(content)));
      last = hash;
    }
  });

  test('goes on after a number, and from a time', async () => {
    expect((await exported({ after: '2' })).map(({ seq }) => seq)).toEqual([3]);
    await transact(store, (tx) => append(tx, [record()], new Date('2020-01-01T00:00:00Z')));
    expect((await exported({ since: '1h' })).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    await expect(exportAudit({ after: 'x' }, sink().to)).rejects.toThrow(
      '--after takes the number of a record',
    );
  });

  test('gives a row as it lies there, where its text is no record', async () => {
    await setColumns(store, 2, { record: '{' });
    expect((await exported())[1]).toMatchObject({ seq: 2, record: '{', workflow_id: 'note:main:P1' });
  });

  test('ends quietly where nobody reads on', async () => {
    await write(100);
    const { to, text } = sink(5);
    to.on('error', () => {});
    expect(await exportAudit({}, to)).toBe(0);
    expect(text().split('\n')).toHaveLength(6);
  });
});

describe('oncall audit sign-head', () => {
  const operator = newKeyPair();
  const keyFile = (): string => {
    const file = join(folder(), 'auditor.pem');
    writeFileSync(file, operator.privateKey);
    return file;
  };
  const heads = (): readonly string[] =>
    readFileSync(join(folder(), 'heads.jsonl'), 'utf8').trim().split('\n');
  const sign = (): Promise<number> => signAuditHead({ keyFile: keyFile() }, output);
  const verified = (): Promise<number> => verify({ publicKey: operator.publicKey, histories: false }, output);

  test('adds a line that verify takes, and none while nothing is new', async () => {
    expect([await sign(), await sign()]).toEqual([0, 0]);
    expect(printed.map(({ text }) => text)).toEqual([
      `The head is signed at #3, in ${join(folder(), 'heads.jsonl')}.`,
      'Nothing to sign: #3 is the last record, and signed.',
    ]);
    await write(4);
    await sign();
    expect(heads().map((line) => Object.keys(JSON.parse(line) as object))).toEqual(
      Array(2).fill(['seq', 'hash', 'at', 'signature']),
    );
    expect(await verified()).toBe(0);
    expect(printed.at(-1)?.text).toBe(
      'The audit is whole: 7 records, no histories compared, head signed at #7.',
    );
  });

  test('signs nothing on top of what was rewritten before, or is false after, the last signed head', async () => {
    await sign();
    await write(4);
    await rewrite(store, 5, { decision: 'denied' });
    await expect(sign()).rejects.toThrow(/^Record #5 is false: its text was changed .* Nothing was signed;/);
    await rehash(store, 5);
    await rewrite(store, 2, { decision: 'denied' });
    await rehash(store, 2);
    await expect(sign()).rejects.toThrow(/^Record #3 is not the one that was signed, or one before it/);
    expect(heads()).toHaveLength(1);
    expect(await verified()).toBe(1);
    expect(printed.at(-1)?.text).toMatch(/^A record from #1 to #3 is false: the head signed at/);
  });

  test('begins a line of its own after one that was left half written, and verify names that one', async () => {
    await sign();
    writeFileSync(join(folder(), 'heads.jsonl'), `${heads()[0]}\n{"seq":3,"ha`);
    await write(1);
    await sign();
    expect(heads()).toHaveLength(3);
    expect(await verified()).toBe(1);
    expect(printed.at(-1)?.text).toBe(
      `Line 2 of ${join(folder(), 'heads.jsonl')} is no signed head; it was cut or changed; the records fit.`,
    );
  });

  test('with a file that is no key says so, and nothing of the file', async () => {
    writeFileSync(join(folder(), 'other'), 'secret words');
    const error = signAuditHead({ keyFile: join(folder(), 'other') }, output);
    await expect(error).rejects.toThrow(/holds no Ed25519 private key in PEM/);
    await expect(error).rejects.not.toThrow(/secret/);
    await expect(signAuditHead({ keyFile: join(folder(), 'none') }, output)).rejects.toThrow(
      'cannot be read',
    );
  });

  test('is asked for by verify: heads that were taken away are not left out quietly', async () => {
    await expect(verified()).rejects.toThrow(/heads\.jsonl holds no signed head; make the first with/);
    writeFileSync(join(folder(), 'heads.jsonl'), '');
    await expect(verified()).rejects.toThrow(/holds no signed head/);
    await sign();
    expect(await verify({ histories: false }, output)).toBe(0);
    expect(said.at(-1)).toMatch(/heads\.jsonl are not compared; --public-key says who signs them\.$/);
    await expect(verify({ histories: false, head: 'x' }, output)).rejects.toThrow('Who signed the heads?');
    await expect(verify({ histories: false, publicKey: 'x' }, output)).rejects.toThrow(
      '--public-key takes an Ed25519',
    );
  });

  test('takes keys as openssl makes them', async ({ skip }) => {
    const pem = join(folder(), 'auditor.pem');
    const pub = join(folder(), 'auditor.pub');
    const made = spawnSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', pem]);
    skip(made.status !== 0, 'there is no openssl here');
    spawnSync('openssl', ['pkey', '-in', pem, '-pubout', '-out', pub]);
    await signAuditHead({ keyFile: pem }, output);
    expect(await verify({ publicKey: pub, histories: false }, output)).toBe(0);
  });
});

describe('oncall audit verify', () => {
  test('ends with 1 where a record is false, and with 0 where none is', async () => {
    expect(await verify({ histories: false }, output)).toBe(0);
    await rewrite(store, 2, { decision: 'denied' });
    expect(await verify({ histories: false }, output)).toBe(1);
    expect(printed.at(-1)).toMatchObject({ value: { whole: false, findings: [{ seq: 2, from: 2 }] } });
  });

  test('takes a server that is named and does not answer for an error', async () => {
    process.env['TEMPORAL_ADDRESS'] = '127.0.0.1:1';
    const error = verify({ histories: true }, output);
    await expect(error).rejects.toThrow(
      /^No Temporal server answers at 127\.0\.0\.1:1\..* --no-histories\.$/,
    );
    await expect(error).rejects.toMatchObject({ exitCode: 1 });
    expect(await verify({ histories: false }, output)).toBe(0);
  });

  test('names the folder where there is no audit', async () => {
    process.env['ONCALL_HOME'] = join(folder(), 'nowhere');
    await expect(verify({ histories: false }, output)).rejects.toThrow(/^There is no audit in .*nowhere/);
  });
});
