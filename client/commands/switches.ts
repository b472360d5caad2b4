import { lastGoodAccounts } from '../../gate/accounts.ts';
import type { Store, SwitchRow } from '../../gate/audit-store.ts';
import type { Policy } from '../../gate/policy.ts';
import { policySource } from '../../gate/policy-source.ts';
import { sign } from '../../gate/statement.ts';
import { lift, liftClaim, press, pressedSwitches } from '../../gate/switches.ts';
import { clientSettings } from '../config.ts';
import { type ExitCode, exitCodes, OncallError } from '../errors.ts';
import { waitsForThaw } from '../frozen.ts';
import { type Identity, readOperator, whoAsks } from '../identity.ts';
import type { Output } from '../output.ts';
import { inStore } from '../store.ts';
import { sweepNow } from '../sweeps.ts';
import { checkKnown, told } from './agents.ts';

interface PressOptions {
  readonly reason?: string;
}

/** `oncall freeze`: no call of any agent leaves from now on, and what is held goes back to people. */
export const freeze = (options: PressOptions, output: Output): Promise<ExitCode> =>
  pressed('freeze', '', options, output);

/** `oncall agents disable`: the same for one agent; of an operator, that no word counts any more. */
export async function disable(name: string, options: PressOptions, output: Output): Promise<ExitCode> {
  const { configFile } = clientSettings();
  const state = policySource(configFile)();
  // A broken configuration must keep nobody from disabling.
  if (state.readable)
    checkKnown(name, [...state.policy.agents.keys(), ...state.policy.operators.keys()], configFile);
  return pressed('disable', name, options, output);
}

async function pressed(
  kind: SwitchRow['kind'],
  name: string,
  { reason = '' }: PressOptions,
  output: Output,
): Promise<ExitCode> {
  const settings = clientSettings();
  const who = whoAsks(settings);
  const { row, accounts } = await inStore(settings, async (store) => ({
    row: await press(store, { kind, name, by_whom: who, reason: reason.slice(0, 500) }),
    accounts: await accountsOf(settings.configFile, store),
  }));
  const what =
    kind === 'freeze'
      ? `Everything is frozen: no call of any agent leaves. Reads, notes and events ${waitsForThaw}. \`oncall thaw\` ends it, signed by an operator.`
      : `${name} is disabled. \`oncall agents enable ${name}\` ends it, signed by an operator.`;
  const { swept, sentence } = await sweepNow(accounts, who, { isFreeze: kind === 'freeze' });
  output.result({ ...told(row), swept, sweep: sentence }, `${what}\n${sentence}`);
  return exitCodes.done;
}

async function accountsOf(configFile: string, store: Store): Promise<readonly string[]> {
  const state = policySource(configFile)();
  return state.readable ? [...state.policy.accounts.keys()] : [...(await lastGoodAccounts(store)).keys()];
}

/** `oncall thaw`: ends every freeze that holds, by the operator's signed word. */
export const thaw = (output: Output): Promise<ExitCode> =>
  lifted('freeze', '', output, { none: 'Nothing is frozen.', done: 'Thawed: the grants hold again.' });

/** `oncall agents enable`: ends what disables an agent or an operator. */
export const enable = (name: string, output: Output): Promise<ExitCode> =>
  lifted('disable', name, output, { none: `${name} is not disabled.`, done: `${name} is enabled again.` });

async function lifted(
  kind: SwitchRow['kind'],
  name: string,
  output: Output,
  say: { readonly none: string; readonly done: string },
): Promise<ExitCode> {
  const settings = clientSettings();
  const operator = readOperator(settings);
  const state = policySource(settings.configFile)();
  if (!state.readable)
    throw new OncallError(`Only operators of the configuration lift a switch. ${state.sentence}`);
  const { policy } = state;
  if (kind === 'disable')
    checkKnown(name, [...policy.agents.keys(), ...policy.operators.keys()], settings.configFile);
  return inStore(settings, async (store) => {
    const rows = await pressedSwitches(store, policy, kind, name);
    if (rows.length === 0) {
      output.result({ lifted: [] }, say.none);
      return exitCodes.done;
    }
    checkOperator(operator, policy, settings.configFile);
    for (const row of rows)
      if (!(await liftAs(store, policy, operator, row)))
        throw new OncallError(
          `The word of ${operator.name} does not count: the key is not the one in ${settings.configFile}, or ${operator.name} is disabled. Another operator can do it.`,
          exitCodes.denied,
        );
    output.result({ lifted: rows.map(told), by: operator.name }, say.done);
    return exitCodes.done;
  });
}

async function liftAs(
  store: Store,
  policy: Policy,
  { name, key }: Identity,
  row: SwitchRow,
): Promise<boolean> {
  const statement = await sign(name, key, liftClaim(row));
  return lift(store, policy, { row, operator: name, statement });
}

function checkOperator({ name }: Identity, { operators }: Policy, configFile: string): void {
  if (operators.has(name)) return;
  throw new OncallError(
    `${configFile} knows no operator ${name}; there are ${[...operators.keys()].join(', ') || 'none: add one with `oncall operators add NAME`'}.`,
    exitCodes.denied,
  );
}
