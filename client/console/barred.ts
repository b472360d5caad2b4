import { pressedSwitches, wordsOf } from '../../gate/switches.ts';
import { OncallError } from '../errors.ts';
import type { OperatorIdentity } from '../identity.ts';
import { said } from '../words.ts';
import type { Sources } from './sources.ts';

/**
 * Why this operator may not be here now, in the words that follow "You are signed out: "; `undefined` where they may, or where it
 * cannot be known. Until a broken configuration is mended, or the audit store is back, nothing is approved anyway.
 */
export async function barredFrom(
  { policyState, store }: Sources,
  { name, door }: OperatorIdentity,
): Promise<string | undefined> {
  const state = policyState();
  if (!state.readable) return undefined;
  const { operators, frontDoors } = state.policy;
  if (!operators.has(name)) return `${said(name, 60)} is no operator of the configuration`;
  if (door && !frontDoors.get(door.name)?.may_speak_for_operators.includes(name))
    return `the front door ${door.name} may not speak for ${name}`;
  try {
    const [disabled] = await store((db) => pressedSwitches(db, state.policy, 'disable', name));
    return disabled && `${name} is disabled ${wordsOf(disabled)}`;
  } catch (error) {
    if (error instanceof OncallError) return undefined;
    throw error;
  }
}
