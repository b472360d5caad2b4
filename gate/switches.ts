import { randomUUID } from 'node:crypto';
import { oneLine } from '../pagerduty/text.ts';
import { type AuditRecord, append, areThere, entryOfNoRun, type Stamp } from './audit.ts';
import { type Store, type StoreTransaction, type SwitchRow, transact, withStore } from './audit-store.ts';
import { bearerLost } from './bearers.ts';
import { digestOf } from './canonical.ts';
import type { Switches } from './facts.ts';
import type { Cap } from './grants.ts';
import type { Policy } from './policy.ts';
import { keysAt, StatementError, verify } from './statement.ts';
import { nameOf } from './words.ts';

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
    /** Id of the token by which it came through a front door. */
    readonly bearer?: string | undefined;
    readonly stepKey: string;
    readonly caps: readonly CapUse[];
    readonly now: number;
  },
): Promise<Switches> {
  const rows = await everyPressed(db);
  const words = async (kind: SwitchRow['kind'], name: string): Promise<string | null> => {
    const [row] = await holding(
      rows.filter((one) => one.kind === kind && one.name === name),
      { rows, policy },
    );
    return row ? wordsOf(row) : null;
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
  const { agent, bearer } = asked;
  return {
    frozen: await words('freeze', ''),
    disabled: await words('disable', agent),
    ...(bearer !== undefined && { bearerLost: await bearerLost(db, { id: bearer, agent }) }),
    uses,
  };
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

/**
 * Every switch that was ever pressed, oldest first. The audit knows each as well: one whose row was taken away or changed holds
 * as it was pressed, since whoever writes to the store has no operator's word by that. Who takes the record too is found by
 * `audit verify`.
 */
async function everyPressed(db: Reads): Promise<readonly SwitchRow[]> {
  const rows = await db.selectFrom('switches').selectAll().execute();
  const records = await db
    .selectFrom('audit')
    .select('record')
    .where('workflow_id', '=', '')
    .where('action', 'in', ['switch.freeze', 'switch.disable'])
    .execute();
  const pressed = new Map(rows.map((row) => [row.id, row]));
  for (const { record } of records) {
    const { step: id, at, agent, operation, facts } = JSON.parse(record) as AuditRecord & { at: string };
    const { name, reason } = facts as Pressed;
    const kind = operation as SwitchRow['kind'];
    const { lifted = null, lifted_at = null } = pressed.get(id) ?? {};
    pressed.set(id, { id, kind, name, at, by_whom: agent, reason, lifted, lifted_at });
  }
  return [...pressed.values()].toSorted((one, other) => (one.at < other.at ? -1 : 1));
}

/** What a record of a switch knows of it, beside its fields. */
type Pressed = Pick<SwitchRow, 'name' | 'reason'>;

/** Presses a switch, and writes down who did. It narrows, so nobody is asked for proof; it holds for the next decision on every machine. */
export async function press(
  store: Store,
  pressed: Pick<SwitchRow, 'kind' | 'name' | 'by_whom' | 'reason'>,
  now = new Date(),
): Promise<SwitchRow> {
  const row: SwitchRow = {
    ...pressed,
    // Names and reasons come from whoever presses; they stand in sentences.
    by_whom: nameOf(pressed.by_whom),
    reason: oneLine(pressed.reason, 500),
    id: randomUUID(),
    at: now.toISOString(),
    lifted: null,
    lifted_at: null,
  };
  const what = row.kind === 'freeze' ? 'froze everything' : `disabled ${nameOf(row.name)}`;
  const why = row.reason === '' ? '' : `: ${row.reason}`;
  const record = recordOf(row, row.kind, row.by_whom, 'narrows', `${row.by_whom} ${what}${why}.`);
  const work = async (tx: StoreTransaction): Promise<readonly Stamp[]> => {
    await tx.insertInto('switches').values(row).execute();
    return append(tx, [record], now);
  };
  await transact(store, work, areThere);
  return row;
}

/** The switches of one kind that still hold, oldest first; of one name, or of all. */
export async function pressedSwitches(
  store: Store,
  policy: Policy,
  kind: SwitchRow['kind'],
  name?: string,
): Promise<readonly SwitchRow[]> {
  const rows = await withStore(() => everyPressed(store));
  return holding(
    rows.filter((row) => row.kind === kind && (name === undefined || row.name === name)),
    { rows, policy },
  );
}

/** Since when, by whom and why a switch holds, as it follows "frozen" or "disabled". */
export function wordsOf({ at, by_whom, reason, lifted }: SwitchRow): string {
  const why = reason === '' ? '' : ` (${reason})`;
  // So it is after whoever lifted it has left the configuration.
  const again =
    lifted === null ? '' : '; whoever lifted it is no operator of the configuration, so lift it again';
  return `since ${at.slice(0, 16)}Z by ${by_whom}${why}${again}`;
}

/** What an operator signs to lift a switch. */
export const liftClaim = ({ id, kind, name, at }: SwitchRow) => ({
  target: id,
  type: `lift:${kind}`,
  input: { kind, name, at },
});

/**
 * Lifts a switch by an operator's statement, and writes down who did. Each decision finds out anew whether the statement proves
 * anything.
 * @returns whether it does now; where not, nothing was changed.
 */
export async function lift(
  store: Store,
  policy: Policy,
  word: { readonly row: SwitchRow; readonly operator: string; readonly statement: string },
  now = Date.now(),
): Promise<boolean> {
  const { operator, statement } = word;
  const row: SwitchRow = { ...word.row, lifted: statement, lifted_at: now };
  const what = row.kind === 'freeze' ? 'thawed what was frozen' : `enabled ${nameOf(row.name)}, disabled`;
  const sentence = `${operator} ${what} ${wordsOf({ ...row, lifted: null })}: it is signed.`;
  const work = async (tx: StoreTransaction): Promise<readonly Stamp[]> => {
    if (!(await isLifted(row, { rows: await everyPressed(tx), policy }))) return [];
    await tx
      .insertInto('switches')
      .values(row)
      .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
      .execute();
    const operation = row.kind === 'freeze' ? 'thaw' : 'enable';
    return append(tx, [recordOf(row, operation, operator, 'signed', sentence)], new Date(now));
  };
  return (await transact(store, work, areThere)).length > 0;
}

/** A switch's own record: no account, no run; `why` names the rule. */
const recordOf = (
  { id, kind, name, reason }: SwitchRow,
  operation: string,
  who: string,
  rule: string,
  sentence: string,
): AuditRecord =>
  entryOfNoRun({
    agent: who,
    step: id,
    operation,
    action: `switch.${operation}`,
    decision: 'allowed',
    rule,
    sentence,
    requestDigest: digestOf([kind, name]),
    facts: { name, reason } satisfies Pressed,
  });

interface Known {
  /** Every switch that was ever pressed. */
  readonly rows: readonly SwitchRow[];
  readonly policy: Policy;
}

async function holding(pressed: readonly SwitchRow[], known: Known): Promise<readonly SwitchRow[]> {
  const found: SwitchRow[] = [];
  for (const row of pressed) if (!(await isLifted(row, known))) found.push(row);
  return found;
}

/** Only the word of an operator of the configuration lifts: who can write to the store cannot thaw by that alone. */
async function isLifted(row: SwitchRow, known: Known): Promise<boolean> {
  const { lifted, lifted_at: at } = row;
  if (lifted === null || at === null) return false;
  for (const [name, operator] of known.policy.operators) {
    // Nobody lifts what disables them.
    if (row.kind === 'disable' && row.name === name) continue;
    try {
      await verify(lifted, keysAt(operator, at), liftClaim(row), at);
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      continue;
    }
    if (!(await wasDisabled(name, at, known))) return true;
  }
  return false;
}

/** Whether an operator was disabled at an instant. Only what was lifted before that instant counts as lifted. */
async function wasDisabled(name: string, at: number, known: Known): Promise<boolean> {
  const then = known.rows.filter(
    (row) => row.kind === 'disable' && row.name === name && Date.parse(row.at) <= at,
  );
  for (const row of then) {
    const isOver = row.lifted_at !== null && row.lifted_at < at && (await isLifted(row, known));
    if (!isOver) return true;
  }
  return false;
}
