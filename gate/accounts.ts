import { mayRepeat, type Store, type StoreTransaction, transact, withStore } from './audit-store.ts';
import { canonical } from './canonical.ts';
import type { Account } from './configuration.ts';
import type { Encryption } from './encryption.ts';

/**
 * Keeps an account as last seen good, and how what Temporal keeps is encrypted: references to secrets, no secrets. A release needs
 * both when the configuration is broken.
 */
export async function rememberAccount(
  store: Store,
  name: string,
  account: Account,
  encryption?: Encryption,
): Promise<void> {
  const kept: Kept = { ...account, ...(encryption && { encryption }) };
  const row = { name, configuration: canonical(kept), seen_at: new Date().toISOString() };
  const work = (tx: StoreTransaction) =>
    tx
      .insertInto('accounts')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute();
  await transact(store, work, mayRepeat);
}

/** The accounts as last seen good, by name. */
export async function lastGoodAccounts(store: Store): Promise<ReadonlyMap<string, Account>> {
  const rows = await withStore(() => store.selectFrom('accounts').selectAll().execute());
  return new Map(rows.map((row) => [row.name, JSON.parse(row.configuration) as Account]));
}

/** The encryption as last seen good; `undefined` where there was none. */
export async function lastGoodEncryption(store: Store): Promise<Encryption | undefined> {
  const query = store.selectFrom('accounts').select('configuration').orderBy('seen_at', 'desc').limit(1);
  const row = await withStore(() => query.executeTakeFirst());
  return row && (JSON.parse(row.configuration) as Kept).encryption;
}

/** What stands in the row of an account. */
type Kept = Account & { readonly encryption?: Encryption };

/**
 * Keeps the users whom an account's `From` address named, and gives all that it ever named: what we acknowledged before the
 * address changed is still ours to give back.
 */
export async function rememberUsers(
  store: Store,
  account: string,
  users: readonly string[],
): Promise<readonly string[]> {
  const known = await withStore(() =>
    store.selectFrom('our_users').select('user').where('account', '=', account).execute(),
  );
  const all = new Set([...known.map(({ user }) => user), ...users]);
  const fresh = users.filter((user) => !known.some((row) => row.user === user));
  if (fresh.length > 0) {
    const work = (tx: StoreTransaction) =>
      tx
        .insertInto('our_users')
        .values(fresh.map((user) => ({ account, user })))
        .onConflict((conflict) => conflict.columns(['account', 'user']).doNothing())
        .execute();
    await transact(store, work, mayRepeat);
  }
  return [...all];
}
