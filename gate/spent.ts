import { mayRepeat, type Store, type StoreTransaction, transact, withStore } from './audit-store.ts';

/**
 * Spends a statement: the first run that shows it owns it for good, resets of that run included.
 * @returns whether this run is the owner.
 */
export async function spend(
  store: Store,
  statement: { readonly jti: string; readonly workflowId: string; readonly firstRunId: string },
): Promise<boolean> {
  const ownerIn = (db: Pick<Store, 'selectFrom'>) =>
    db.selectFrom('statements').select('first_run_id').where('jti', '=', statement.jti).executeTakeFirst();
  // Nearly every call is of a run that owns its statement already: a read is enough then.
  const known = await withStore(() => ownerIn(store));
  if (known) return known.first_run_id === statement.firstRunId;
  const work = async (tx: StoreTransaction): Promise<boolean> => {
    const row = {
      jti: statement.jti,
      workflow_id: statement.workflowId,
      first_run_id: statement.firstRunId,
      spent_at: new Date().toISOString(),
    };
    await tx
      .insertInto('statements')
      .values(row)
      .onConflict((conflict) => conflict.column('jti').doNothing())
      .execute();
    const owner = await ownerIn(tx);
    return owner?.first_run_id === statement.firstRunId;
  };
  return transact(store, work, mayRepeat);
}
