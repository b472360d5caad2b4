import type { PolicyState } from '../gate/policy-source.ts';
import { pressedSwitches, wordsOf } from '../gate/switches.ts';
import { OncallError } from './errors.ts';
import type { OperatorIdentity } from './identity.ts';
import type { LastingStore } from './store.ts';
import { said } from './words.ts';

/** Where it stands who may look at what is ours. */
export interface WhoMay {
  readonly policyState: () => PolicyState;
  readonly store: LastingStore['work'];
}

/**
 * Why this operator may not look now, in the words that follow "You are signed out: "; `undefined` where they may. Asked anew for
 * each request.
 * @throws OncallError where it cannot be known, since the configuration or the audit store is away: then nobody may.
 */
export async function barredFrom(
  { policyState, store }: WhoMay,
  { name, door }: Pick<OperatorIdentity, 'name' | 'door'>,
): Promise<string | undefined> {
  const who = said(name, 60);
  const unknown = (why: string): OncallError =>
    new OncallError(`Whether ${who} may look cannot be known now, so nothing is shown. ${why}`);
  const state = policyState();
  if (!state.readable) throw unknown(state.sentence);
  const { operators, frontDoors } = state.policy;
  if (!operators.has(name)) return `${who} is no operator of the configuration`;
  if (door && !frontDoors.get(door.name)?.may_speak_for_operators.includes(name))
    return `the front door ${door.name} may not speak for ${who}`;
  try {
    const [disabled] = await store((db) => pressedSwitches(db, state.policy, 'disable', name));
    return disabled && `${who} is disabled ${wordsOf(disabled)}`;
  } catch (error) {
    throw error instanceof OncallError ? unknown(error.message) : error;
  }
}
