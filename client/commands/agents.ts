import type { SwitchRow } from '../../gate/audit-store.ts';
import { closest } from '../../gate/closest.ts';
import type { Policy } from '../../gate/policy.ts';
import { pressedSwitches, wordsOf } from '../../gate/switches.ts';
import { clientSettings } from '../config.ts';
import {
  checkName,
  enterKey,
  keyFileOf,
  nextKeyFile,
  readConfiguration,
  readPolicy,
} from '../configuration-file.ts';
import { withAgent, withRotatedKey } from '../configuration-text.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { grantsInShort } from '../grants-in-short.ts';
import type { Output } from '../output.ts';
import { hasStore, inStore } from '../store.ts';

/** `oncall agents`: who there is, what each may do in short, and who is disabled. */
export async function listAgents(output: Output): Promise<ExitCode> {
  const settings = clientSettings();
  const { configFile } = settings;
  const policy = readPolicy(readConfiguration(configFile), configFile);
  // Without a store nobody was ever disabled.
  const switches = hasStore(settings)
    ? await inStore(settings, async (store) => ({
        frozen: await pressedSwitches(store, policy, 'freeze'),
        disabled: await pressedSwitches(store, policy, 'disable'),
      }))
    : { frozen: [], disabled: [] };
  const agents = [...policy.agents].map(([name, agent]) => {
    const row = switches.disabled.find((one) => one.name === name);
    return {
      name,
      grants: grantsInShort(agent),
      denies: agent.deny.length,
      disabled: row ? wordsOf(row) : null,
    };
  });
  const frozen = switches.frozen[0] ? wordsOf(switches.frozen[0]) : null;
  const lines = agents.map(
    ({ name, grants, denies, disabled }) =>
      `${name}${disabled === null ? '' : `  (disabled ${disabled})`}\n  ${
        grants.join(', ') || 'no grants: everything is denied to it'
      }${denies === 0 ? '' : `; ${denies} ${denies === 1 ? 'deny' : 'denies'}`}`,
  );
  output.result(
    { frozen, agents },
    [
      ...(frozen === null ? [] : [`Everything is frozen ${frozen}.`]),
      ...(lines.length === 0
        ? [`${configFile} has no agents; add one with \`oncall agents add NAME\`.`]
        : lines),
    ].join('\n'),
  );
  return exitCodes.done;
}

/** `oncall agents add`: makes a key pair, writes the private half once, and enters the public half into the configuration. */
export async function addAgent(
  name: string,
  options: { readonly keyFile?: string },
  output: Output,
): Promise<ExitCode> {
  const { configFile, home } = clientSettings();
  checkName(name, 'an agent');
  const keyFile = options.keyFile ?? keyFileOf(home, name);
  await enterKey({
    configFile,
    keyFile,
    grow: (text, policy, publicKey) => {
      checkFree(name, policy, configFile);
      return withAgent(text, { name, publicKey });
    },
    noPlace: `has no place where lines for ${name} could be added; nothing was changed. Write the agents as in docs/policy.md: \`agents:\` on a line of its own, each agent below.`,
  });
  output.result(
    { agent: name, keyFile, configFile },
    [
      `${name} is in ${configFile}, with no grants yet: everything is denied to it.`,
      `Its private key is in ${keyFile}; only the agent should read it.`,
      `Next: give it grants in ${configFile}, then set ONCALL_AGENT=${name} ONCALL_AGENT_KEY_FILE=${keyFile}`,
    ].join('\n'),
  );
  return exitCodes.done;
}

/** Refuses a name that somebody has already. */
export function checkFree(name: string, policy: Policy, configFile: string): void {
  const { agents, operators, frontDoors } = policy;
  const kinds = { 'an agent': agents, 'an operator': operators, 'a front door': frontDoors };
  const [kind] = Object.entries(kinds).find(([, known]) => known.has(name)) ?? [];
  if (kind) throw new OncallError(`${configFile} has ${kind} ${name} already; nothing was changed.`);
}

/** `oncall agents rotate`: a new key pair; the old public key still proves what was signed before now. */
export async function rotateAgent(
  name: string,
  options: { readonly keyFile?: string },
  output: Output,
): Promise<ExitCode> {
  const { configFile, home } = clientSettings();
  checkName(name, 'an agent');
  const keyFile = options.keyFile ?? nextKeyFile(home, name);
  const until = new Date().toISOString();
  await enterKey({
    configFile,
    keyFile,
    grow: (text, policy, publicKey) => {
      checkKnown(name, [...policy.agents.keys()], configFile);
      return withRotatedKey(text, { section: 'agents', name, publicKey, until });
    },
    noPlace: `writes ${name} in a way that leaves no place for another key; nothing was changed. Write it as in docs/policy.md.`,
  });
  output.result(
    { agent: name, keyFile, configFile, until },
    [
      `${name} has a new key in ${configFile}; the old one proves only what was signed before ${until}.`,
      `Its new private key is in ${keyFile}; only the agent should read it.`,
      `Next: set ONCALL_AGENT_KEY_FILE=${keyFile} where ${name} runs, and delete the old file.`,
    ].join('\n'),
  );
  return exitCodes.done;
}

/** Refuses a name that is not there, with the one that was perhaps meant. */
export function checkKnown(name: string, known: readonly string[], configFile: string): void {
  if (known.includes(name)) return;
  const near = closest(name, known);
  throw new UsageError(
    `${configFile} knows no ${name}; ${near ? `did you mean ${near}?` : `there are ${known.join(', ') || 'none'}.`}`,
  );
}

/** What is told of a switch. */
export const told = ({ id, kind, name, at, by_whom, reason }: SwitchRow): object => ({
  id,
  kind,
  ...(kind === 'disable' && { name }),
  at,
  by: by_whom,
  reason,
});
