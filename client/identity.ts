import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readPrivateKey } from '../gate/statement.ts';
import { UsageError } from './errors.ts';

/** An agent that can start runs: its name and its key. */
export interface AgentIdentity {
  readonly name: string;
  readonly key: KeyObject;
}

/**
 * Reads an agent's private key.
 * @throws UsageError that says what is wrong with the file; never anything of its content.
 */
export function readAgent(name: string | undefined, keyFile: string | undefined): AgentIdentity {
  if (!name)
    throw new UsageError(
      'No agent is named: set ONCALL_AGENT to the name of yours, and ONCALL_AGENT_KEY_FILE to its key file.',
    );
  if (!keyFile)
    throw new UsageError(
      `Where is the key of ${name}? Set ONCALL_AGENT_KEY_FILE to the file that \`oncall agents add ${name}\` wrote.`,
    );
  let pem: string;
  try {
    pem = readFileSync(keyFile, 'utf8');
  } catch {
    throw new UsageError(
      `The key file ${keyFile} of ${name} cannot be read; ONCALL_AGENT_KEY_FILE must name the file that \`oncall agents add\` wrote.`,
    );
  }
  try {
    return { name, key: readPrivateKey(pem) };
  } catch {
    throw new UsageError(
      `${keyFile} holds no Ed25519 private key; make one with \`oncall agents add ${name}\`.`,
    );
  }
}
