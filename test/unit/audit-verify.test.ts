import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { type AuditReport, verifyAudit } from '../../client/audit-verify.ts';
import { append, hashOf, write } from '../../gate/audit.ts';
import { readPublicKey, signHead } from '../../gate/audit-head.ts';
import { chainEnd } from '../../gate/audit-rows.ts';
import { transact } from '../../gate/audit-store.ts';
import { newKeyPair, readPrivateKey } from '../../gate/statement.ts';
import { claim } from '../../gate/steps.ts';
import {
  cutAfter,
  insertAt,
  makeRoom,
  rehash,
  remove,
  rewrite,
  rowAt,
  setColumns,
  setHead,
  swap,
} from './tampering.ts';
import { record, temporaryStore } from './temporary-store.ts';

const store = temporaryStore();
const say = (): void => {};
const verified = (): Promise<AuditReport> => verifyAudit(store(), { say });

/** Ten records, with nothing to compare them with but themselves. */
beforeEach(async () => {
  for (let seq = 1; seq <= 10; seq += 1)
    await write(store(), record({ step: `step ${seq}`, incident: seq === 4 ? null : `P${seq}` }));
});

test('what nobody touched is whole, and says how much it is', async () => {
  expect(await verified()).toEqual({
    whole: true,
    sentence: 'The audit is whole: 10 records, no histories compared, no signed head compared.',
    records: 10,
    findings: [],
    badLines: [],
  });
});

test('what is written on while it is read is whole', async () => {
  await transact(store(), (tx) =>
    append(
      tx,
      Array.from({ length: 1_200 }, () => record()),
    ),
  );
  // However fast it is read: until enough was written meanwhile.
  for (let more = 0; more < 3; ) {
    let reading = true;
    const verifying = verified().finally(() => {
      reading = false;
    });
    for (; reading; more += 1) await claimOf(`${more}`);
    const { whole, sentence, records } = await verifying;
    expect(whole, sentence).toBe(true);
    expect(records).toBeGreaterThanOrEqual(1_210);
  }
});

/** Claims a step, as a write does. */
const claimOf = (step: string): Promise<void> =>
  transact(store(), async (tx) => {
    const [stamp = { seq: 0, hash: '' }] = await append(tx, [record({ step })]);
    const claimed = {
      earlier: undefined,
      since: '2026-06-24T10:00:00.000Z',
      answerBy: 0,
      leaseUntil: undefined,
    };
    await claim(tx, { key: step, digest: 'd' }, stamp, claimed);
  });
test('one thing that was changed is one finding', async () => {
  await setColumns(store(), 7, { hash: 'f'.repeat(64) });
  expect((await verified()).findings).toHaveLength(1);
});

test('an audit without a record is whole', async () => {
  await cutAfter(store(), 0);
  expect(await verified()).toMatchObject({ whole: true, records: 0 });
});

describe('is false', () => {
  test.each<[string, () => Promise<void>, number, RegExp]>([
    [
      'a text that was changed',
      () => rewrite(store(), 7, { decision: 'denied' }),
      7,
      /^Record #7 is false: its text was changed \(its hash is not that of its content\)\./,
    ],
    ['the first text', () => rewrite(store(), 1, { sentence: 'no' }), 1, /#1 is false: its text was changed/],
    ['the last text', () => rewrite(store(), 10, { sentence: 'no' }), 10, /#10 is false: its text was ch/],
    [
      'a text that was changed, and its own hash with it',
      async () => {
        await rewrite(store(), 7, { decision: 'denied' });
        await rehash(store(), 7, 7);
      },
      7,
      /#7 is false: its text was changed and its hash with it \(#8 follows another\)/,
    ],
    [
      'the last, with its own hash',
      async () => {
        await rewrite(store(), 10, { decision: 'denied' });
        await rehash(store(), 10, 10);
      },
      10,
      /#10 is not the one that the store names as the last/,
    ],
    [
      'a hash',
      () => setColumns(store(), 7, { hash: 'f'.repeat(64) }),
      7,
      /#7 is false: its hash was changed/,
    ],
    [
      'a link',
      () => setColumns(store(), 7, { prev: 'f'.repeat(64) }),
      7,
      /#7 is false: its link to the record before it was changed/,
    ],
    [
      'a link and hash that fit each other',
      async () => {
        const { record: text } = await rowAt(store(), 7);
        await setColumns(store(), 7, { prev: 'f'.repeat(64), hash: hashOf('f'.repeat(64), text) });
      },
      7,
      /#7 is false: its hash was changed/,
    ],
    ['a text that is no JSON', () => setColumns(store(), 7, { record: '{' }), 7, /#7 is false: its text was/],
    [
      'one in the middle that was removed',
      () => remove(store(), 6),
      6,
      /^Record #6 is missing: .* with #7\./,
    ],
    ['several that were removed', () => remove(store(), 4, 6), 4, /#4 and those up to #6 are missing/],
    ['the first that was removed', () => remove(store(), 1), 1, /#1 is missing: the store goes on with #2/],
    [
      'one that was removed, and all after it renumbered',
      async () => {
        await remove(store(), 6);
        for (let seq = 7; seq <= 10; seq += 1) await setColumns(store(), seq, { seq: seq - 1 });
        await setHead(store(), { seq: 9 });
      },
      6,
      /#6 is false: its text says that it is #7/,
    ],
    [
      'one that was inserted, and all after it renumbered',
      async () => {
        await makeRoom(store(), 6);
        await insertAt(store(), 6, record({ step: 'never' }));
      },
      6,
      /#6 is false: it was inserted \(#7 follows the one before it\)/,
    ],
    [
      'one that was inserted before all others',
      async () => {
        await makeRoom(store(), 1);
        await insertAt(store(), 1, record({ step: 'never' }));
      },
      1,
      /#1 is false: it was inserted/,
    ],
    ['one with a number that none can have', () => insertUnder(0), 0, /#0 is false: no record can have this/],
    [
      'one that was put behind the last',
      () => insertAt(store(), 11, record()),
      11,
      /#11 is false: the store says that #10 is the last/,
    ],
    ['two that changed places', () => swap(store(), 4, 5), 4, /#4 is false: its text says that it is #5/],
    [
      'two far apart that changed places',
      () => swap(store(), 2, 9),
      2,
      /#2 is false: its text says that it is #9/,
    ],
    [
      'a tail that was cut',
      () => remove(store(), 8, 10),
      8,
      /^Record #8 is missing: the store says that #10 is the last\.$/,
    ],
    ['a last number', () => setHead(store(), { seq: 9 }), 10, /#10 is not the one that the store names/],
    [
      'a last hash',
      () => setHead(store(), { hash: 'f'.repeat(64) }),
      10,
      /#10 is not the one that the store/,
    ],
    [
      'a row of the head that is gone',
      async () => {
        await transact(store(), (tx) => tx.deleteFrom('audit_head').execute());
      },
      11,
      /#11 and others may be missing: the row that names the last record is gone/,
    ],
  ])('%s', async (_what, tamper, first, sentence) => {
    await tamper();
    const report = await verified();
    expect(report.sentence).toMatch(sentence);
    expect(report).toMatchObject({
      whole: false,
      findings: [{ seq: first, from: first }, ...report.findings.slice(1)],
    });
  });

  test.each(['at', 'kind', 'agent', 'action', 'decision', 'workflow_id', 'incident'] as const)(
    'a column %s that says other than the text',
    async (column) => {
      await setColumns(store(), 4, { [column]: 'other' });
      const { sentence, findings } = await verified();
      expect(findings).toHaveLength(1);
      expect(sentence).toMatch(
        new RegExp(
          `^Record #4 is false: its column ${column} was changed \\(it says other, the text .+\\)\\.$`,
        ),
      );
    },
  );

  const insertUnder = async (seq: number): Promise<void> => {
    const { seq: _seq, ...row } = await rowAt(store(), 3);
    await transact(store(), (tx) =>
      tx
        .insertInto('audit')
        .values({ ...row, seq })
        .execute(),
    );
  };
});

describe('a chain that was made whole again', () => {
  const operator = newKeyPair();
  const key = readPublicKey(operator.publicKey);
  let lines: string[] = [];
  const sign = async (privateKey = operator.privateKey): Promise<void> => {
    const { head } = await chainEnd(store());
    lines.push(JSON.stringify(signHead(head ?? { seq: 0, hash: '' }, readPrivateKey(privateKey))));
  };
  const against = (text = `${lines.join('\n')}\n`): Promise<AuditReport> =>
    verifyAudit(store(), { say, heads: { file: 'heads.jsonl', text, key } });

  beforeEach(async () => {
    lines = [];
    await sign();
    for (let seq = 11; seq <= 20; seq += 1) await write(store(), record({ step: `step ${seq}` }));
    await sign();
    for (let seq = 21; seq <= 25; seq += 1) await write(store(), record({ step: `step ${seq}` }));
  });

  test('and its signed heads, when nobody touched them, fit', async () => {
    expect(await against()).toMatchObject({
      sentence: 'The audit is whole: 25 records, no histories compared, head signed at #20.',
      heads: { signed: 2, last: 20 },
    });
  });

  test('passes for whole where nobody else saw it', async () => {
    await rewrite(store(), 14, { decision: 'denied' });
    await rehash(store(), 14);
    expect((await verified()).whole).toBe(true);
  });

  test('is found by the first signed head that does not fit, after the last that does', async () => {
    await rewrite(store(), 14, { decision: 'denied' });
    await rehash(store(), 14);
    const { whole, sentence, findings } = await against();
    expect(whole).toBe(false);
    expect(findings).toEqual([{ from: 11, seq: 20, sentence }]);
    expect(sentence).toMatch(
      /^A record from #11 to #20 is false: the head signed at \S+Z knows #20 under another hash\.$/,
    );
  });

  test('is found by the claims of writes, exactly where they stand close', async () => {
    for (const name of ['one', 'two']) await claimOf(name);
    await rewrite(store(), 27, { decision: 'denied' });
    await rehash(store(), 27);
    const { sentence } = await verified();
    expect(sentence).toBe('Record #27 is false: the claim of the step "two" knows #27 under another hash.');
  });

  test('after its tail was cut, is found by the head that is missing', async () => {
    await cutAfter(store(), 17);
    expect((await verified()).whole).toBe(true);
    expect((await against()).sentence).toMatch(
      /^Record #18 and others up to #20 at least are missing: the head signed at \S+Z knows #20\.$/,
    );
  });

  test('after its tail was cut and others were written, is found by the same head', async () => {
    await cutAfter(store(), 17);
    for (let seq = 18; seq <= 30; seq += 1) await write(store(), record({ step: `other ${seq}` }));
    expect((await against()).findings).toMatchObject([{ from: 11, seq: 20 }]);
  });

  test('behind the last signed head, is not found by heads: the histories must', async () => {
    await rewrite(store(), 23, { decision: 'denied' });
    await rehash(store(), 23);
    expect((await against()).whole).toBe(true);
  });

  test.each<[string, (line: string) => string, RegExp]>([
    ['a changed number', (line) => line.replace('"seq":20', '"seq":19'), /was not signed with this key, or/],
    ['a changed time', (line) => line.replace(/"at":"20/, '"at":"19'), /was not signed with this key/],
    [
      'a forged signature',
      (line) => line.replace(/"signature":".{6}/, '"signature":"AAAAAA'),
      /was not signed/,
    ],
    ['half a line', (line) => line.slice(0, line.length / 2), /is no signed head; it was cut or changed/],
    ['something else', () => '[]', /is no signed head/],
  ])('is not proved by %s in the file of heads', async (_what, change, why) => {
    const [first = '', second = ''] = lines;
    const report = await against(`${first}\n${change(second)}`);
    expect(report.whole).toBe(false);
    expect(report.badLines).toEqual([{ line: 2, why: expect.stringMatching(why) as string }]);
    expect(report.sentence).toMatch(/^Line 2 of heads\.jsonl .*; the records fit\.$/);
  });

  test('is not proved by a head that another key signed', async () => {
    await rewrite(store(), 14, { decision: 'denied' });
    await rehash(store(), 14);
    lines = lines.slice(0, 1);
    await sign(newKeyPair().privateKey);
    expect((await against()).badLines).toMatchObject([{ line: 2 }]);
  });

  test('keys of another kind are not taken', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
    const pem = rsa.export({ type: 'spki', format: 'pem' }).toString();
    expect(() => readPublicKey(pem)).toThrow('not an Ed25519 key');
    for (const text of ['', 'no key', operator.publicKey.slice(1)])
      expect(() => readPublicKey(text)).toThrow('not a public key');
  });
});
