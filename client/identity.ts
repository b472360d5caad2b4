import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { readPrivateKey, type Signs } from '../gate/statement.ts';
import type { ClientSettings } from './config.ts';
import { UsageError } from './errors.ts';

/** Somebody who can sign: the name in the configuration, and the private key. */
export interface Identity {
  readonly name: string;
  readonly key: KeyObject;
}

const variables = {
  agent: ['ONCALL_AGENT', 'ONCALL_AGENT_KEY_FILE', 'agents add'],
  operator: ['ONCALL_OPERATOR', 'ONCALL_OPERATOR_KEY_FILE', 'operators add'],
  'front door': ['ONCALL_FRONT_DOOR', 'ONCALL_FRONT_DOOR_KEY_FILE', 'front-doors add'],
} as const;

/**
 * Reads the private key of an agent or operator.
 * @throws UsageError that says what is wrong with the file; never anything of its content.
 */
export function readIdentity(
  kind: keyof typeof variables,
  name: string | undefined,
  keyFile: string | undefined,
): Identity {
  const [nameVariable, fileVariable, add] = variables[kind];
  if (!name)
    throw new UsageError(
      `No ${kind} is named: set ${nameVariable} to the name of yours, and ${fileVariable} to its key file.`,
    );
  if (!keyFile)
    throw new UsageError(
      `Where is the key of ${name}? Set ${fileVariable} to the file that \`oncall ${add} ${name}\` wrote.`,
    );
  let pem: string;
  try {
    pem = readFileSync(keyFile, 'utf8');
  } catch {
    throw new UsageError(
      `The key file ${keyFile} of ${name} cannot be read; ${fileVariable} must name the file that \`oncall ${add}\` wrote.`,
    );
  }
  try {
    return { name, key: readPrivateKey(pem) };
  } catch {
    throw new UsageError(`${keyFile} holds no Ed25519 private key; make one with \`oncall ${add} ${name}\`.`);
  }
}

/** The operator of the environment, who can sign. */
export const readOperator = ({ operator, operatorKeyFile }: ClientSettings): Identity =>
  readIdentity('operator', operator, operatorKeyFile);

/** Who does what needs no proof: the operator of the environment, else the user of this machine. Written down, never believed. */
export function whoAsks({ operator }: ClientSettings): string {
  if (operator) return operator;
  try {
    return userInfo().username;
  } catch {
    return 'somebody';
  }
}

/** An agent that can start runs: by its own key, or by that of the front door it came through. */
export interface AgentIdentity extends Identity {
  /** The front door whose key this is, and the id of the token by which the agent came to it. */
  readonly door?: { readonly name: string; readonly bearer: string };
}

/** In whose name an agent's words are signed. */
export const signsAs = ({ name, door }: AgentIdentity): Signs =>
  door ? { door: door.name, agent: name, bearer: door.bearer } : name;

/**
 * Reads an agent's private key.
 * @throws UsageError that says what is wrong with the file; never anything of its content.
 */
export const readAgent = (name: string | undefined, keyFile: string | undefined): AgentIdentity =>
  readIdentity('agent', name, keyFile);

/** An operator who can approve: by the own key, or by that of the front door at which that operator signed in. */
export interface OperatorIdentity extends Identity {
  /** The front door whose key this is, and the id of the session. */
  readonly door?: { readonly name: string; readonly session: string };
}

/** In whose name an operator's word is signed. */
export const operatorSigns = ({ name, door }: OperatorIdentity): Signs =>
  door ? { door: door.name, agent: name, bearer: door.session } : name;
