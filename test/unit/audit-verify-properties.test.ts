import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { verifyAudit } from '../../client/audit-verify.ts';
import { append, hashOf } from '../../gate/audit.ts';
import { readPublicKey, signHead } from '../../gate/audit-head.ts';
import { chainEnd } from '../../gate/audit-rows.ts';
import { openStore, type Store, transact } from '../../gate/audit-store.ts';
import { newKeyPair, readPrivateKey } from '../../gate/statement.ts';
import { insertAt, makeRoom, rehash, remove, rewrite, rowAt, setColumns, swap } from './tampering.ts';
import { record, temporaryFolder } from './temporary-store.ts';

const folder = temporaryFolder();
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`audit tampering: SEED=${seed}`);
const numRuns = Number(process.env['RUNS'] ?? 150);

const columns = ['at', 'kind', 'agent', 'action', 'decision', 'workflow_id', 'incident'] as const;
const otherHash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));

/** One thing that somebody may do to a chain of `length`, and the first record that is false then. */
interface Tampering {
  readonly first: number;
  readonly tamper: (store: Store) => Promise<void>;
}

const anyTampering = (length: number): fc.Arbitrary<Tampering> =>
  fc
    .record({
      seq: fc.integer({ min: 1, max: length }),
      other: fc.integer({ min: 1, max: length }),
      column: fc.constantFrom(...columns),
      words: fc.string({ minLength: 1, maxLength: 8 }).map((text) => `x${text}`),
      hash: otherHash,
      kind: fc.constantFrom(
        ...(['text', 'text and hash', 'column', 'hash', 'link', 'link and hash', 'remove', 'cut'] as const),
        ...(['insert', 'insert a copy', 'append', 'swap'] as const),
      ),
    })
    .map(({ kind, seq, other, column, words, hash }): Tampering => {
      switch (kind) {
        case 'text':
          return { first: seq, tamper: (store) => rewrite(store, seq, { sentence: words }) };
        case 'text and hash':
          return {
            first: seq,
            tamper: async (store) => {
              await rewrite(store, seq, { sentence: words });
              await rehash(store, seq, seq);
            },
          };
        case 'column':
          return { first: seq, tamper: (store) => setColumns(store, seq, { [column]: words }) };
        case 'hash':
          return { first: seq, tamper: (store) => setColumns(store, seq, { hash }) };
        case 'link':
          return { first: seq, tamper: (store) => setColumns(store, seq, { prev: hash }) };
        case 'link and hash':
          return {
            first: seq,
            tamper: async (store) => {
              const own = hashOf(hash, (await rowAt(store, seq)).record);
              await setColumns(store, seq, { prev: hash, hash: own });
            },
          };
        case 'remove':
          return { first: seq, tamper: (store) => remove(store, seq) };
        case 'cut':
          return { first: seq, tamper: (store) => remove(store, seq, length) };
        case 'insert':
          return {
            first: seq,
            tamper: async (store) => {
              await makeRoom(store, seq);
              await insertAt(store, seq, record({ sentence: words }));
            },
          };
        case 'insert a copy':
          return {
            // A record's own copy before it is the record; what follows is the copy.
            first: other === seq ? seq + 1 : seq,
            tamper: async (store) => {
              await makeRoom(store, seq);
              const copied = await rowAt(store, other < seq ? other : other + 1);
              await transact(store, (tx) =>
                tx
                  .insertInto('audit')
                  .values({ ...copied, seq })
                  .execute(),
              );
            },
          };
        case 'append':
          return { first: length + 1, tamper: (store) => insertAt(store, length + 1, record()) };
        case 'swap': {
          const next = (seq % length) + 1;
          const second = other === seq ? next : other;
          return { first: Math.min(seq, second), tamper: (store) => swap(store, seq, second) };
        }
      }
    });

/** A new store with a chain of records that all differ. */
async function chainOf(length: number, name: string): Promise<Store> {
  const store = await openStore(join(folder(), `${name}.db`));
  const records = Array.from({ length }, (_, index) =>
    record({ step: `step ${index}`, incident: index % 3 === 0 ? null : `P${index}` }),
  );
  await transact(store, (tx) => append(tx, records));
  return store;
}

let run = 0;
async function withChain(length: number, work: (store: Store) => Promise<void>): Promise<void> {
  run += 1;
  const store = await chainOf(length, `chain-${run}`);
  try {
    await work(store);
  } finally {
    await store.destroy();
    for (const end of ['', '-wal', '-shm']) rmSync(join(folder(), `chain-${run}.db${end}`), { force: true });
  }
}

const kinds = { found: 0, rewritten: 0 };
afterAll(() => console.log(`audit tampering: ${JSON.stringify(kinds)}`));

test('any single change of any chain is found, and the first false record is named', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 12 }).chain((length) => fc.tuple(fc.constant(length), anyTampering(length))),
      ([length, { first, tamper }]) =>
        withChain(length, async (store) => {
          await tamper(store);
          const { whole, findings, sentence } = await verifyAudit(store, { say: () => {} });
          expect(whole, sentence).toBe(false);
          expect(findings[0], sentence).toMatchObject({ seq: first, from: first });
          kinds.found += 1;
        }),
    ),
    { seed, numRuns },
  );
});

test('any record that is rewritten, and all after it rehashed, lies in the range that the signed heads leave', async () => {
  const operator = newKeyPair();
  const key = readPublicKey(operator.publicKey);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 12 }).chain((length) =>
        fc.record({
          length: fc.constant(length),
          seq: fc.integer({ min: 1, max: length }),
          signedAt: fc.uniqueArray(fc.integer({ min: 1, max: length }), { minLength: 1, maxLength: 4 }),
        }),
      ),
      ({ length, seq, signedAt }) =>
        withChain(length, async (store) => {
          const heads = await Promise.all(
            signedAt.map(async (at) => signHead(await rowAt(store, at), readPrivateKey(operator.privateKey))),
          );
          await rewrite(store, seq, { sentence: 'rewritten' });
          await rehash(store, seq);
          expect((await chainEnd(store)).last).toBe(length);
          const text = heads.map((head) => JSON.stringify(head)).join('\n');
          const report = await verifyAudit(store, { say: () => {}, heads: { file: 'heads', text, key } });
          const bad = Math.min(...signedAt.filter((at) => at >= seq));
          const good = Math.max(0, ...signedAt.filter((at) => at < seq));
          expect(report.whole).toBe(bad === Number.POSITIVE_INFINITY);
          if (report.whole) return;
          expect(report.findings).toMatchObject([{ from: good + 1, seq: bad }]);
          kinds.rewritten += 1;
        }),
    ),
    { seed, numRuns },
  );
});
