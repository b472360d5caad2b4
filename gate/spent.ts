import { mayRepeat, type Store, type StoreTransaction, transact, withStore } from './audit-store.ts';

/**
 * Spends a statement: the first run that shows it owns it for good, resets of that run included.
 * @returns whether this run is the owner.
 */
export async function spend(
  store: Store,
  statement: { readonly jti: string; readonly workflowId: string; readonly firstRunId: string },
): Promise<boolean> {
  // Nearly every call is of a run that owns its statement already: a read is enough then.
  const known = await spentBy(store, statement.jti);
  if (known !== undefined) return known === statement.firstRunId;
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
    return (await ownerIn(tx, statement.jti)) === statement.firstRunId;
  };
  return transact(store, work, mayRepeat);
}

/** The first run id of the run that owns a statement; `undefined` where nobody has shown it. */
export const spentBy = (store: Store, jti: string): Promise<string | undefined> =>
  withStore(() => ownerIn(store, jti));

async function ownerIn(db: Pick<Store, 'selectFrom'>, jti: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('statements')
    .select('first_run_id')
    .where('jti', '=', jti)
    .executeTakeFirst();
  return row?.first_run_id;
}
