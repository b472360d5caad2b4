import {
  type LeaseRow,
  mayRepeat,
  type Store,
  type StoreTransaction,
  transact,
  withStore,
} from './audit-store.ts';

/** Notes that a run is about to hold an incident. Written with the entry of its acknowledge, before the request leaves. */
export async function open(tx: StoreTransaction, lease: LeaseRow): Promise<void> {
  await tx
    .insertInto('leases')
    .values(lease)
    .onConflict((conflict) => conflict.columns(['account', 'incident']).doUpdateSet(lease))
    .execute();
}

/** Ends a lease: the incident is with people again, or was never taken. */
export async function end(tx: StoreTransaction, account: string, incident: string): Promise<void> {
  await tx.deleteFrom('leases').where('account', '=', account).where('incident', '=', incident).execute();
}

/** The lease on one incident, run out or not. */
export const leaseOn = (store: Store, account: string, incident: string): Promise<LeaseRow | undefined> =>
  withStore(() =>
    store
      .selectFrom('leases')
      .selectAll()
      .where('account', '=', account)
      .where('incident', '=', incident)
      .executeTakeFirst(),
  );

/** Every lease of an account, run out or not. */
export const leasesOf = (store: Store, account: string): Promise<readonly LeaseRow[]> =>
  withStore(() => store.selectFrom('leases').selectAll().where('account', '=', account).execute());

/** Forgets leases that ran out before an instant: nobody asks for them any more. */
export async function forgetBefore(store: Store, account: string, at: number): Promise<void> {
  const work = (tx: StoreTransaction) =>
    tx.deleteFrom('leases').where('account', '=', account).where('expires_at', '<', at).execute();
  await transact(store, work, mayRepeat);
}
