import { expect } from 'vitest';
import { parsePolicy } from '../../gate/policy.ts';
import { sign } from '../../gate/statement.ts';
import { lift, liftClaim, pressedSwitches } from '../../gate/switches.ts';
import type { Stage } from './stage.ts';

/** Lifts every switch of a kind and name that holds on a stage, by the signed word of its operator `lead`. */
export async function liftAll(stage: Stage, kind: 'freeze' | 'disable', name = ''): Promise<void> {
  const { name: operator, key } = stage.operator('lead');
  const policy = parsePolicy(stage.configText());
  for (const row of await pressedSwitches(stage.store, policy, kind, name)) {
    const statement = await sign(operator, key, liftClaim(row));
    expect(await lift(stage.store, policy, { row, operator, statement })).toBe(true);
  }
}
