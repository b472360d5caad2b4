import { type Store, transact, withStore } from './audit-store.ts';
import { canonical } from './canonical.ts';
import type { Account } from './policy.ts';

/** Keeps an account as last seen good: references to secrets, no secrets. A release needs it when the configuration is broken. */
export async function rememberAccount(store: Store, name: string, account: Account): Promise<void> {
  const row = { name, configuration: canonical(account), seen_at: new Date().toISOString() };
  await transact(store, (tx) =>
    tx
      .insertInto('accounts')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute(),
  );
}

/** The accounts as last seen good, by name. */
export async function lastGoodAccounts(store: Store): Promise<ReadonlyMap<string, Account>> {
  const rows = await withStore(() => store.selectFrom('accounts').selectAll().execute());
  return new Map(rows.map((row) => [row.name, JSON.parse(row.configuration) as Account]));
}
