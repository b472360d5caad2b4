import { expect, test } from 'vitest';
import { append, list, type Stamp } from '../../gate/audit.ts';
import { type StepRow, StoreAway, type StoreTransaction, transact } from '../../gate/audit-store.ts';
import * as leases from '../../gate/leases.ts';
import { claim, findStep, type Step, StepReused, StepTaken, settle } from '../../gate/steps.ts';
import { record, temporaryStore } from './temporary-store.ts';

const store = temporaryStore();
const step = { key: 'note:main:P1 : run-1 : add the note', digest: 'd1' };
const since = '2026-06-24T10:00:00.000Z';

/** A claim as `perform` makes it: with its entry, in one transaction. */
const claiming = (
  of: Step,
  claimed: Parameters<typeof claim>[3],
  also: (tx: StoreTransaction) => Promise<void> = async () => {},
): Promise<Stamp> =>
  transact(store(), async (tx) => {
    const [stamp = { seq: 0, hash: '' }] = await append(tx, [record()]);
    await claim(tx, of, stamp, claimed);
    await also(tx);
    return stamp;
  });
const claimed = (earlier?: StepRow, also?: (tx: StoreTransaction) => Promise<void>) =>
  claiming(step, { earlier, since, answerBy: 8_000, leaseUntil: undefined }, also);
const settled = (entry: number, state: 'refused' | 'unknown' | 'done', result?: unknown) =>
  settle(store(), step, entry, { state, result }, record({ kind: 'outcome', entry, decision: state }));
const decisions = async () => (await list(store(), { limit: 100 })).map(({ decision }) => decision);

test('a step that nobody claimed is not known', async () => {
  expect(await findStep(store(), step)).toBeUndefined();
});

test('a claim stands with its entry, its times and no result', async () => {
  const stamp = await claiming(step, {
    earlier: undefined,
    since,
    answerBy: 8,
    leaseUntil: 9,
  });
  expect(await findStep(store(), step)).toEqual({
    step_key: step.key,
    digest: 'd1',
    state: 'sent',
    entry: stamp.seq,
    entry_hash: stamp.hash,
    sent_at: '2026-06-24T10:00:00.000Z',
    answer_by: 8,
    lease_until: 9,
    result: null,
  });
});

test('a second claim is refused, and leaves no entry', async () => {
  await claimed();
  await expect(claimed()).rejects.toBeInstanceOf(StepTaken);
  expect(await decisions()).toEqual(['allowed']);
});

test('of many claims at once, one wins', async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => claimed()));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await decisions()).toEqual(['allowed']);
});

test('a refused step may be claimed again, once', async () => {
  const first = await claimed();
  await settled(first.seq, 'refused');
  const earlier = await findStep(store(), step);
  expect(earlier?.state).toBe('refused');
  const second = await claimed(earlier);
  expect(await findStep(store(), step)).toMatchObject({ state: 'sent', entry: second.seq });
  await expect(claimed(earlier)).rejects.toBeInstanceOf(StepTaken);
  expect(await decisions()).toEqual(['allowed', 'refused', 'allowed']);
});

test.each(['unknown', 'done'] as const)(
  'a step that became %s meanwhile is not claimed by an old look',
  async (state) => {
    const first = await claimed();
    const earlier = await findStep(store(), step);
    await settled(first.seq, state);
    await expect(claimed(earlier)).rejects.toBeInstanceOf(StepTaken);
  },
);

test('a step that is done keeps its result', async () => {
  const { seq } = await claimed();
  await settled(seq, 'done', { ok: true, response: { note: { id: 'N1' } } });
  const row = await findStep(store(), step);
  expect(row).toMatchObject({ state: 'done', result: '{"ok":true,"response":{"note":{"id":"N1"}}}' });
});

test('a late outcome of an old try does not touch the new one', async () => {
  const first = await claimed();
  await settled(first.seq, 'unknown');
  const second = await claimed(await findStep(store(), step));
  await settled(first.seq, 'refused');
  expect(await findStep(store(), step)).toMatchObject({ state: 'sent', entry: second.seq });
});

test('another request under the same key is an error, and no match', async () => {
  await claimed();
  const other = { ...step, digest: 'd2' };
  await expect(findStep(store(), other)).rejects.toThrow(
    new StepReused(`The step ${step.key} was already used for another request; nothing was sent.`),
  );
  expect(await findStep(store(), { ...step, key: `${step.key} 2` })).toBeUndefined();
});

test('what goes with a claim stands or falls with it', async () => {
  const lease = {
    account: 'main',
    incident: 'P1',
    workflow_id: 'w',
    first_run_id: 'r',
    agent: 'bot',
    policy: null,
    expires_at: 1,
  };
  await claimed(undefined, (tx) => leases.open(tx, lease));
  expect(await leases.leaseOn(store(), 'main', 'P1')).toEqual(lease);
  await expect(claimed(undefined, (tx) => leases.end(tx, 'main', 'P1'))).rejects.toBeInstanceOf(StepTaken);
  expect(await leases.leaseOn(store(), 'main', 'P1')).toEqual(lease);
  const failing = claiming(
    { ...step, key: 'another' },
    { earlier: undefined, since, answerBy: 1, leaseUntil: undefined },
    () => Promise.reject(new Error('no lease')),
  );
  await expect(failing).rejects.toThrow('no lease');
  expect(await findStep(store(), { ...step, key: 'another' })).toBeUndefined();
  expect(await decisions()).toEqual(['allowed']);
});

test('what goes with an outcome stands or falls with it', async () => {
  const { seq } = await claimed();
  const failing = settle(store(), step, seq, { state: 'done', result: 1 }, record({ decision: 'done' }), () =>
    Promise.reject(new Error('no')),
  );
  await expect(failing).rejects.toThrow('no');
  expect(await findStep(store(), step)).toMatchObject({ state: 'sent', result: null });
  expect(await decisions()).toEqual(['allowed']);
});

test('a claim is no claim where the store is broken', async () => {
  await store().schema.dropTable('steps').execute();
  await expect(claimed()).rejects.toBeInstanceOf(StoreAway);
  expect(await decisions()).toEqual([]);
});
