import { expect, test } from 'vitest';
import { lastGoodAccounts, lastGoodEncryption, rememberAccount } from '../../gate/accounts.ts';
import { transact } from '../../gate/audit-store.ts';
import { end, forgetBefore, leaseOn, leasesOf, open } from '../../gate/leases.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { spend } from '../../gate/spent.ts';
import { temporaryStore } from './temporary-store.ts';

const store = temporaryStore();
const lease = {
  account: 'main',
  incident: 'P1',
  workflow_id: 'respond:main:P1',
  first_run_id: 'run-1',
  agent: 'bot',
  policy: 'PHOME',
  expires_at: Date.UTC(2026, 5, 24, 10, 5),
};
const opened = (fields: Partial<typeof lease> = {}) =>
  transact(store(), (tx) => open(tx, { ...lease, ...fields }));

test('a lease is found by its account and incident, and by no other', async () => {
  await opened();
  expect(await leaseOn(store(), 'main', 'P1')).toEqual(lease);
  expect(await leaseOn(store(), 'main', 'P2')).toBeUndefined();
  expect(await leaseOn(store(), 'eu', 'P1')).toBeUndefined();
});

test('the newest acknowledge of an incident holds it', async () => {
  await opened();
  const newer = {
    workflow_id: 'acknowledge:main:P1',
    first_run_id: 'run-2',
    agent: 'bot2',
    policy: 'PNEW',
    expires_at: 7,
  };
  await opened(newer);
  expect(await leasesOf(store(), 'main')).toEqual([{ ...lease, ...newer }]);
});

test('the same incident id of another account is another lease', async () => {
  await opened();
  await opened({ account: 'eu', agent: 'bot2' });
  await transact(store(), (tx) => end(tx, 'eu', 'P1'));
  expect(await leasesOf(store(), 'eu')).toEqual([]);
  expect(await leasesOf(store(), 'main')).toEqual([lease]);
});

test('a lease that ended is gone, and ending it again harms nothing', async () => {
  await opened();
  await opened({ incident: 'P2' });
  for (const _twice of [1, 2]) await transact(store(), (tx) => end(tx, 'main', 'P1'));
  expect((await leasesOf(store(), 'main')).map(({ incident }) => incident)).toEqual(['P2']);
});

test('only leases that ran out before then are forgotten, and only of the account', async () => {
  await opened({ incident: 'POLD', expires_at: 999 });
  await opened({ incident: 'PEDGE', expires_at: 1_000 });
  await opened({ account: 'eu', incident: 'POLD', expires_at: 1 });
  await forgetBefore(store(), 'main', 1_000);
  expect((await leasesOf(store(), 'main')).map(({ incident }) => incident)).toEqual(['PEDGE']);
  expect(await leasesOf(store(), 'eu')).toHaveLength(1);
});

test('a statement belongs to the first run that shows it, for good', async () => {
  const mine = { jti: 'j1', workflowId: 'respond:main:P1', firstRunId: 'run-1' };
  const second = { ...mine, firstRunId: 'run-2' };
  expect(await spend(store(), mine)).toBe(true);
  expect(await spend(store(), mine)).toBe(true);
  expect(await spend(store(), second)).toBe(false);
  expect(await spend(store(), mine)).toBe(true);
  expect(await spend(store(), { ...second, jti: 'j2' })).toBe(true);
});

test('of two runs that show one statement at once, one owns it', async () => {
  const show = (firstRunId: string) => spend(store(), { jti: 'j1', workflowId: 'w', firstRunId });
  const owners = await Promise.all([show('a'), show('b'), show('a'), show('b')]);
  expect(owners.filter(Boolean)).toHaveLength(2);
  expect(owners[0]).toBe(owners[2]);
  expect(owners[0]).not.toBe(owners[1]);
});

test('an account is remembered as it was last seen good, with references and no secrets', async () => {
  const account = (region: string) =>
    parsePolicy(
      `accounts: { main: { region: ${region}, token: env:T, from: b@example.com, routing_keys: { checkout: env:K } } }`,
    ).accounts.get('main')!;
  expect(await lastGoodAccounts(store())).toEqual(new Map());
  await rememberAccount(store(), 'main', account('us'));
  await rememberAccount(store(), 'main', account('eu'));
  await rememberAccount(store(), 'lab', account('us'));
  expect(await lastGoodAccounts(store())).toEqual(
    new Map([
      ['main', account('eu')],
      ['lab', account('us')],
    ]),
  );
});

test('the encryption is remembered beside the account: a Worker beside a broken configuration reads what it is to give back', async () => {
  const { accounts, encryption } = parsePolicy(
    'accounts: { main: { region: us, token: env:T, from: b@example.com } }\nencryption: { current: k1, keys: { k1: env:K1 } }',
  );
  expect(await lastGoodEncryption(store())).toBeUndefined();
  await rememberAccount(store(), 'main', accounts.get('main')!, encryption);
  expect(await lastGoodEncryption(store())).toEqual({ current: 'k1', keys: { k1: 'env:K1' } });
});
