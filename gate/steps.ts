import { type AuditRecord, append, areThere, type Stamp } from './audit.ts';
import { type StepRow, type Store, type StoreTransaction, transact, withStore } from './audit-store.ts';

/** One write of one run: what makes a second sending the same write. */
export interface Step {
  readonly key: string;
  /** Digest of operation and request. */
  readonly digest: string;
}

/** Two different requests under one step key: the Workflow is wrong, and nothing may be sent. */
export class StepReused extends Error {
  override readonly name = 'StepReused';
}

/** Someone else claimed the step between the look and the claim. */
export class StepTaken extends Error {
  override readonly name = 'StepTaken';
  constructor() {
    super('Another try of this step is under way.');
  }
}

/** Whether a try of the step may have taken effect, though nobody knows. */
export const isInDoubt = (row: StepRow | undefined): row is StepRow =>
  row?.state === 'sent' || row?.state === 'unknown';

/**
 * What is known of a step, or `undefined` before its first claim.
 * @throws StepReused where the key stands for another request.
 */
export async function findStep(store: Store, step: Step): Promise<StepRow | undefined> {
  const row = await withStore(() =>
    store.selectFrom('steps').selectAll().where('step_key', '=', step.key).executeTakeFirst(),
  );
  if (row && row.digest !== step.digest) {
    throw new StepReused(`The step ${step.key} was already used for another request; nothing was sent.`);
  }
  return row;
}

/**
 * Claims the step for the entry at `stamp`, in its transaction: after it the write may be sent, once, until `answerBy`.
 * @param earlier the row that the caller saw; a row that changed since belongs to another Worker.
 * @throws StepTaken where another attempt claimed it meanwhile.
 */
export async function claim(
  tx: StoreTransaction,
  step: Step,
  stamp: Stamp,
  claimed: {
    readonly earlier: StepRow | undefined;
    /** No effect of this try is older, by PagerDuty's clock; ISO 8601. */
    readonly since: string;
    /** By the store's clock, milliseconds since 1970. */
    readonly answerBy: number;
    readonly leaseUntil: number | undefined;
  },
): Promise<void> {
  const row: StepRow = {
    step_key: step.key,
    digest: step.digest,
    state: 'sent',
    entry: stamp.seq,
    entry_hash: stamp.hash,
    // What an earlier try left behind is still ours.
    sent_at: isInDoubt(claimed.earlier) ? claimed.earlier.sent_at : claimed.since,
    answer_by: claimed.answerBy,
    lease_until: claimed.leaseUntil ?? null,
    result: null,
  };
  if (claimed.earlier === undefined) {
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('steps')
      .values(row)
      .onConflict((conflict) => conflict.column('step_key').doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows !== 1n) throw new StepTaken();
    return;
  }
  const { numUpdatedRows } = await tx
    .updateTable('steps')
    .set(row)
    .where('step_key', '=', step.key)
    .where('entry', '=', claimed.earlier.entry)
    .where('state', '=', claimed.earlier.state)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows !== 1n) throw new StepTaken();
}

/** What came of a try, for its step. */
export interface Settled {
  /** `unknown`: this try, or one before it, may have taken effect. */
  readonly state: 'refused' | 'unknown' | 'done';
  /** Of a step that is done: what it gave. */
  readonly result?: unknown;
  /** Whether PagerDuty has answered, so that nothing more can come of the try. */
  readonly isAnswered?: boolean;
}

/** Records what came of the try that the entry `entry` allowed: the outcome in the audit and the step's new state, together. */
export async function settle(
  store: Store,
  step: Step,
  entry: number,
  { state, result, isAnswered = false }: Settled,
  record: AuditRecord,
  also: (tx: StoreTransaction) => Promise<void> = async () => {},
): Promise<void> {
  const work = async (tx: StoreTransaction): Promise<readonly Stamp[]> => {
    const stamps = await append(tx, [record]);
    await tx
      .updateTable('steps')
      .set({
        state,
        result: result === undefined ? null : JSON.stringify(result),
        ...(isAnswered && { answer_by: 0 }),
      })
      .where('step_key', '=', step.key)
      .where('entry', '=', entry)
      .execute();
    await also(tx);
    return stamps;
  };
  await transact(store, work, areThere);
}
