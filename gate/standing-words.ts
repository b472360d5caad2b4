import { randomUUID } from 'node:crypto';
import { oneLine } from '../pagerduty/text.ts';
import { entryOfNoRun, write } from './audit.ts';
import type { Store } from './audit-store.ts';
import { digestOf } from './canonical.ts';
import type { Policy } from './policy.ts';
import { keysAt, StatementError, verify } from './statement.ts';
import { pressedSwitches } from './switches.ts';
import { nameOf } from './words.ts';

/** What people do to the Schedule of a standing order. */
export type OrderAct = 'create' | 'update' | 'remove' | 'trigger' | 'pause' | 'resume' | 'backfill';

const past: Readonly<Record<OrderAct, string>> = {
  create: 'made the Schedule of',
  update: 'changed the Schedule of',
  remove: 'removed the Schedule of',
  trigger: 'triggered',
  pause: 'paused',
  resume: 'resumed',
  backfill: 'backfilled',
};

/** One act on one order, and what an operator signs for it. */
export interface OrderWord {
  readonly act: OrderAct;
  readonly account: string;
  /** Name of the order. */
  readonly name: string;
  readonly scheduleId: string;
  /** What exactly: the lines that differ, the span, the reason. */
  readonly detail: object;
  /** The same for people, as it follows the name. */
  readonly said?: string;
}

export const orderClaim = ({ act, account, name, scheduleId, detail }: OrderWord) => ({
  target: scheduleId,
  type: `standing:${act}`,
  input: { account, name, detail },
});

/**
 * Writes down an act that narrows, by whoever it says, or one that an operator signed: before it is done, so that none is done
 * without.
 * @returns whether it may be done; where not, nothing was written.
 */
export async function noteWord(
  store: Store,
  policy: Policy,
  word: OrderWord,
  by: { readonly who: string } | { readonly operator: string; readonly statement: string },
  now = Date.now(),
): Promise<boolean> {
  const isSigned = 'operator' in by;
  if (isSigned && !(await counts(store, policy, word, by, now))) return false;
  const who = nameOf(isSigned ? by.operator : by.who);
  const said = word.said === undefined ? '' : oneLine(word.said, 500);
  await write(
    store,
    entryOfNoRun({
      agent: who,
      account: word.account,
      step: randomUUID(),
      operation: word.act,
      action: `standing.${word.act}`,
      decision: 'allowed',
      rule: isSigned ? 'signed' : 'narrows',
      sentence: `${who} ${past[word.act]} the standing order ${nameOf(word.name)}${said === '' ? '' : `: ${said}`}.`,
      requestDigest: digestOf(orderClaim(word)),
      configuration: policy.digest,
      facts: word.detail,
    }),
  );
  return true;
}

/** Whether the word is of an operator of the configuration, who is not disabled. */
async function counts(
  store: Store,
  policy: Policy,
  word: OrderWord,
  { operator, statement }: { readonly operator: string; readonly statement: string },
  now: number,
): Promise<boolean> {
  const known = policy.operators.get(operator);
  if (!known) return false;
  try {
    await verify(statement, keysAt(known, now), orderClaim(word), now);
  } catch (error) {
    if (error instanceof StatementError) return false;
    throw error;
  }
  return (await pressedSwitches(store, policy, 'disable', operator)).length === 0;
}
