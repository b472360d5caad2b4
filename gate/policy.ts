import { LineCounter } from 'yaml';
import { sha256 } from './canonical.ts';
import { type Account, type Agent, Configuration, type FrontDoor, type Operator } from './configuration.ts';
import type { Encryption } from './encryption.ts';
import { type Fault, flatten, nearest } from './policy-faults.ts';
import { reservedNames } from './runner.ts';
import { completed, isTimed, type StandingOrder } from './standing.ts';
import type { TimedOrder } from './timed-orders.ts';
import { readYaml, type Yaml, YamlFault } from './yaml.ts';

/** What only the whole configuration can show to be wrong. */
function faultsWithin({
  accounts,
  agents,
  operators,
  front_doors,
  standing,
}: Configuration): readonly Fault[] {
  const names = Object.keys(operators).filter((name) => Object.hasOwn(agents, name));
  const taken = { agents, operators, front_doors };
  const reserved = (Object.keys(taken) as (keyof typeof taken)[]).flatMap((section) =>
    reservedNames
      .filter((name) => Object.hasOwn(taken[section], name))
      .map((name) => ({ path: [section, name], message: 'the audit uses this name itself; choose another' })),
  );
  return [
    ...reserved,
    ...names.map((name) => ({ path: ['operators', name], message: 'an agent has this name already' })),
    ...Object.entries(front_doors).flatMap(([name, door]) =>
      faultsOfDoor(name, door, { agents, operators, front_doors }),
    ),
    ...Object.entries(agents).flatMap(([name, { public_key }]) =>
      public_key !== undefined || Object.values(front_doors).some((door) => door.may_speak_for.includes(name))
        ? []
        : [
            {
              path: ['agents', name, 'public_key'],
              message: 'is missing, and no front door may speak for it',
            },
          ],
    ),
    ...Object.entries(agents).flatMap(([name, agent]) =>
      faultsAcross(agent, accounts, operators).map(([path, message]) => ({
        path: ['agents', name, ...path],
        message,
      })),
    ),
    ...Object.entries(standing).flatMap(([name, written]) =>
      completed(written, Object.keys(accounts), Object.keys(agents)).faults.map(([path, message]) => ({
        path: ['standing', name, ...path],
        message,
      })),
    ),
  ];
}

/** What a front door says that only the rest of the configuration can show to be wrong. */
function faultsOfDoor(
  name: string,
  { public_key, may_speak_for, may_speak_for_operators }: FrontDoor,
  { agents, operators, front_doors }: Pick<Configuration, 'agents' | 'operators' | 'front_doors'>,
): readonly Fault[] {
  const path = ['front_doors', name];
  const sharing = [agents, operators, front_doors]
    .flatMap((some) => Object.entries<{ readonly public_key?: string | undefined }>(some))
    .find(([other, { public_key: theirs }]) => theirs === public_key && other !== name);
  const unknown = (key: string, named: readonly string[], kind: string, known: object): readonly Fault[] =>
    named.flatMap((one, index) =>
      Object.hasOwn(known, one)
        ? []
        : [
            {
              path: [...path, key, index],
              message: `there is no ${kind} ${one}; there are ${Object.keys(known).join(', ') || 'none'}`,
            },
          ],
    );
  const owner = Object.hasOwn(agents, name)
    ? 'agent'
    : Object.hasOwn(operators, name)
      ? 'operator'
      : undefined;
  return [
    ...(owner ? [{ path, message: `an ${owner} has this name already` }] : []),
    ...(sharing
      ? [
          {
            path: [...path, 'public_key'],
            message: `this is the key of ${sharing[0]}; a front door has its own`,
          },
        ]
      : []),
    ...(may_speak_for.length === 0 && may_speak_for_operators.length === 0
      ? [{ path, message: 'name whom it speaks for: may_speak_for, or may_speak_for_operators' }]
      : []),
    // Whoever holds its key could ask for a thing and approve it.
    ...(may_speak_for.length > 0 && may_speak_for_operators.length > 0
      ? [{ path, message: 'it speaks for agents or for operators, not for both: use two front doors' }]
      : []),
    ...unknown('may_speak_for', may_speak_for, 'agent', agents),
    ...unknown('may_speak_for_operators', may_speak_for_operators, 'operator', operators),
  ];
}

/** What an agent says that only the rest of the configuration can show to be wrong. */
function faultsAcross(
  { grants, deny, credentials = {}, pagerduty_user }: Agent,
  accounts: object,
  operators: object,
): readonly (readonly [readonly PropertyKey[], string])[] {
  const faults: [readonly PropertyKey[], string][] = [];
  const asksDuty =
    'on_call asks whether a person is on call: name that person as pagerduty_user of the agent';
  for (const [name, { when, approval }] of grants) {
    if (when.on_call && pagerduty_user === undefined) faults.push([['grants', name], asksDuty]);
    for (const operator of approval?.by ?? [])
      if (!Object.hasOwn(operators, operator))
        faults.push([
          ['grants', name],
          `there is no operator ${operator}; there are ${Object.keys(operators).join(', ') || 'none'}`,
        ]);
  }
  for (const [index, { when }] of deny.entries())
    if (when.on_call && pagerduty_user === undefined) faults.push([['deny', index], asksDuty]);
  for (const account of Object.keys(credentials))
    if (!Object.hasOwn(accounts, account))
      faults.push([['credentials', account], 'there is no such account']);
  return faults;
}

/** One `oncall.yaml`, read and found good. */
export interface Policy {
  readonly accounts: ReadonlyMap<string, Account>;
  readonly agents: ReadonlyMap<string, Agent>;
  readonly operators: ReadonlyMap<string, Operator>;
  readonly frontDoors: ReadonlyMap<string, FrontDoor>;
  /** Standing orders on events; those by the clock are `timed`. No name is in both. */
  readonly standing: ReadonlyMap<string, StandingOrder>;
  readonly timed: ReadonlyMap<string, TimedOrder>;
  /** Where what Temporal keeps is encrypted; read when a process starts. */
  readonly encryption?: Encryption;
  /** SHA-256 of the file's bytes; stands in each audit entry. */
  readonly digest: string;
}

/** Why `oncall.yaml` can't be used: sentences with `file:line:column`. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

/**
 * Reads the text of `oncall.yaml`.
 * @throws PolicyError naming every fault with its line.
 */
export function parsePolicy(text: string, file = 'oncall.yaml'): Policy {
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  let read: Yaml;
  try {
    read = readYaml(text, lines);
  } catch (error) {
    if (error instanceof YamlFault)
      throw new PolicyError(`${at(error.offset)}: this is not YAML: ${error.message}`);
    throw error;
  }
  const result = Configuration.safeParse(read.value ?? {}, { reportInput: true });
  const faults = result.success
    ? faultsWithin(result.data)
    : flatten(result.error.issues.slice(0, mostFaults));
  if (result.success && faults.length === 0) {
    const { accounts, agents, operators, front_doors, standing, encryption } = result.data;
    const orders = Object.entries(standing).map(
      ([name, written]) =>
        [name, completed(written, Object.keys(accounts), Object.keys(agents)).order] as const,
    );
    return {
      accounts: new Map(Object.entries(accounts)),
      agents: new Map(Object.entries(agents)),
      operators: new Map(Object.entries(operators)),
      frontDoors: new Map(Object.entries(front_doors)),
      standing: new Map(orders.flatMap(([name, order]) => (isTimed(order) ? [] : [[name, order]]))),
      timed: new Map(orders.flatMap(([name, order]) => (isTimed(order) ? [[name, order]] : []))),
      ...(encryption && { encryption }),
      digest: sha256(text),
    };
  }
  const sentences = faults.slice(0, mostFaults).map(({ path, message }) => {
    const where = nearest(read.document, path) ?? read.document.contents?.range?.[0] ?? 0;
    return `${at(where)}: ${path.join('.') || 'the file'}: ${message}`;
  });
  throw new PolicyError([...new Set(sentences)].join('\n'));
}

/** How many faults are told at once; the rest shows when these are mended. */
const mostFaults = 50;
