import { randomUUID } from 'node:crypto';
import { type Store, type StoreTransaction, type SwitchRow, transact, withStore } from './audit-store.ts';
import type { Switches } from './facts.ts';
import type { Cap } from './grants.ts';
import type { Policy } from './policy.ts';
import { keysAt, StatementError, verify } from './statement.ts';

/** A capped grant that a decision uses up. */
export interface CapUse {
  readonly grant: string;
  readonly cap: Cap;
}

type Reads = Pick<Store, 'selectFrom'>;

/**
 * What the store says to a decision at this moment: whether everything is frozen, whether the agent is disabled, and how
 * often other steps used its capped grants. Asked inside the transaction that writes the decision down, it holds on all machines.
 */
export async function switchesFor(
  db: Reads,
  policy: Policy,
  asked: {
    readonly agent: string;
    readonly stepKey: string;
    readonly caps: readonly CapUse[];
    readonly now: number;
  },
): Promise<Switches> {
  const rows = await db
    .selectFrom('switches')
    .selectAll()
    .where((is) =>
      is.or([is('kind', '=', 'freeze'), is.and([is('kind', '=', 'disable'), is('name', '=', asked.agent)])]),
    )
    .orderBy('at')
    .execute();
  const holding: SwitchRow[] = [];
  for (const row of rows) if (!(await isLifted(row, policy))) holding.push(row);
  const words = (kind: SwitchRow['kind']): string | null => {
    const row = holding.find((one) => one.kind === kind);
    return row
      ? `since ${row.at.slice(0, 16)}Z by ${row.by_whom}${row.reason === '' ? '' : ` (${row.reason})`}`
      : null;
  };
  const uses: Record<string, number> = {};
  for (const { grant, cap } of asked.caps) {
    const { count } = await db
      .selectFrom('uses')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('agent', '=', asked.agent)
      .where('granted', '=', grant)
      .where('at', '>', asked.now - cap.perMs)
      .where('step_key', '!=', asked.stepKey)
      .executeTakeFirstOrThrow();
    uses[grant] = Number(count);
  }
  return { frozen: words('freeze'), disabled: words('disable'), uses };
}

/** Counts a step against capped grants; tries of the same step count once. */
export async function use(
  tx: StoreTransaction,
  { agent, stepKey, caps, now }: Parameters<typeof switchesFor>[2],
): Promise<void> {
  for (const { grant } of caps) {
    await tx
      .insertInto('uses')
      .values({ agent, granted: grant, step_key: stepKey, at: now })
      .onConflict((conflict) => conflict.columns(['agent', 'granted', 'step_key']).doNothing())
      .execute();
  }
}

/** Presses a switch. It narrows, so nobody is asked for proof; it holds for the next decision on every machine. */
export async function press(
  store: Store,
  pressed: Pick<SwitchRow, 'kind' | 'name' | 'by_whom' | 'reason'>,
  now = new Date(),
): Promise<SwitchRow> {
  const row: SwitchRow = {
    ...pressed,
    id: randomUUID(),
    at: now.toISOString(),
    lifted: null,
    lifted_at: null,
  };
  await transact(store, (tx) => tx.insertInto('switches').values(row).execute());
  return row;
}

/** The switches of one kind that still hold, oldest first. */
export async function pressedSwitches(
  store: Store,
  policy: Policy,
  kind: SwitchRow['kind'],
  name = '',
): Promise<readonly SwitchRow[]> {
  const rows = await withStore(() =>
    store
      .selectFrom('switches')
      .selectAll()
      .where('kind', '=', kind)
      .where('name', '=', name)
      .orderBy('at')
      .execute(),
  );
  const holding: SwitchRow[] = [];
  for (const row of rows) if (!(await isLifted(row, policy))) holding.push(row);
  return holding;
}

/** What an operator signs to lift a switch. */
export const liftClaim = ({ id, kind, name, at }: SwitchRow) => ({
  target: id,
  type: `lift:${kind}`,
  input: { kind, name, at },
});

/** Stores an operator's statement that lifts a switch. Whether it proves anything each decision finds out for itself. */
export async function lift(store: Store, id: string, statement: string, now = Date.now()): Promise<void> {
  await transact(store, (tx) =>
    tx.updateTable('switches').set({ lifted: statement, lifted_at: now }).where('id', '=', id).execute(),
  );
}

/** Only the word of an operator of the configuration lifts: who can write to the store cannot thaw by that alone. */
async function isLifted(row: SwitchRow, { operators }: Policy): Promise<boolean> {
  if (row.lifted === null || row.lifted_at === null) return false;
  for (const operator of operators.values()) {
    try {
      await verify(row.lifted, keysAt(operator, row.lifted_at), liftClaim(row), row.lifted_at);
      return true;
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
    }
  }
  return false;
}
