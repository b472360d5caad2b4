import type { Client } from '@temporalio/client';
import type { Policy } from '../gate/policy.ts';
import { policySource } from '../gate/policy-source.ts';
import { noteWord, type OrderWord, orderClaim } from '../gate/standing-words.ts';
import { sign } from '../gate/statement.ts';
import { clientSettings, temporalSettings } from './config.ts';
import { withClient } from './connect.ts';
import { type ExitCode, exitCodes, OncallError } from './errors.ts';
import { readOperator, whoAsks } from './identity.ts';
import { type Change, makeChange } from './standing-changes.ts';
import { inStore } from './store.ts';

/**
 * The configuration of this moment.
 * @throws OncallError that says what is wrong with it.
 */
export function readable(): Policy {
  const state = policySource(clientSettings().configFile)();
  if (!state.readable)
    throw new OncallError(`Mend the configuration first; nothing was done. ${state.sentence}`);
  return state.policy;
}

/** Speaks to the server as whoever sits here. */
export const asOperator = (work: (client: Client) => Promise<ExitCode>): Promise<ExitCode> =>
  withClient(temporalSettings(), `operator:${whoAsks(clientSettings())}`, work);

/**
 * Does what widens, by the operator's signed word, which is written down first.
 * @throws OncallError where the word does not count; then nothing was done.
 */
export async function withWord(policy: Policy, word: OrderWord, act: () => Promise<void>): Promise<void> {
  const settings = clientSettings();
  const operator = readOperator(settings);
  if (!policy.operators.has(operator.name))
    throw new OncallError(
      `${settings.configFile} knows no operator ${operator.name}; there are ${[...policy.operators.keys()].join(', ') || 'none: add one with `oncall operators add NAME`'}.`,
      exitCodes.denied,
    );
  const statement = await sign(operator.name, operator.key, orderClaim(word));
  const by = { operator: operator.name, statement };
  if (!(await inStore(settings, (store) => noteWord(store, policy, word, by))))
    throw new OncallError(
      `The word of ${operator.name} does not count: the key is not the one in ${settings.configFile}, or ${operator.name} is disabled. Another operator can do it.`,
      exitCodes.denied,
    );
  await act();
}

/**
 * Makes one change, by the operator's signed word.
 * @throws OncallError where the word does not count; then it was not made.
 */
export async function carryOut(client: Client, policy: Policy, change: Change): Promise<void> {
  const { kind: act, name, account, scheduleId } = change;
  const lines = change.kind === 'update' ? change.differences : [];
  const what = lines.map(({ line, wanted, found }) => `${line} from ${found} to ${wanted}`).join('; ');
  await withWord(
    policy,
    { act, account, name, scheduleId, detail: toldOf(change), ...(what !== '' && { said: what }) },
    () => makeChange(client, change),
  );
}

/** A change, for machines. */
export const toldOf = (change: Change): object => {
  const { kind, name, account, scheduleId } = change;
  return {
    kind,
    name,
    account,
    scheduleId,
    ...(change.kind === 'update' && { differences: change.differences }),
  };
};
