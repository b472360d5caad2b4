import { type Store, withStore } from './audit-store.ts';

/**
 * Spends a statement: the first run that shows it owns it for good, resets of that run included.
 * @returns whether this run is the owner.
 */
export async function spend(
  store: Store,
  statement: { readonly jti: string; readonly workflowId: string; readonly firstRunId: string },
): Promise<boolean> {
  return withStore(async () => {
    const row = {
      jti: statement.jti,
      workflow_id: statement.workflowId,
      first_run_id: statement.firstRunId,
      spent_at: new Date().toISOString(),
    };
    await store
      .insertInto('statements')
      .values(row)
      .onConflict((conflict) => conflict.column('jti').doNothing())
      .execute();
    const owner = await store
      .selectFrom('statements')
      .select('first_run_id')
      .where('jti', '=', statement.jti)
      .executeTakeFirst();
    return owner?.first_run_id === statement.firstRunId;
  });
}
