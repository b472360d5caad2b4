import { PolicyError, parsePolicy } from '../../gate/policy.ts';
import { newKeyPair } from '../../gate/statement.ts';

/** Text of `oncall.yaml`, good as long as nothing is put into it. */
export const { publicKey } = newKeyPair();

export const account = `accounts:
  main: { region: us, token: env:TOKEN, from: bot@example.com }
`;

/** With one agent; its grants begin on line 7, in column 7. */
export const granting = (grants: string): string => `${account}agents:
  bot:
    public_key: ${publicKey}
    grants:
${grants.replace(/^/gm, '      ')}
`;

/** The sentences of a configuration that must be refused. */
export function faultsOf(text: string): readonly string[] {
  try {
    parsePolicy(text, 'oncall.yaml');
  } catch (error) {
    if (error instanceof PolicyError) return error.message.split('\n');
    throw error;
  }
  throw new Error('The configuration was taken, and should not have been.');
}
