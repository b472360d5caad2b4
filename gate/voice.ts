import type { Policy } from './policy.ts';
import { claimantOf, claimedIn, type Signer } from './statement.ts';
import { nameOf } from './words.ts';

/** Whose key must have signed a statement, by the configuration; or why nobody's would do. */
export type Voice =
  | {
      readonly kind: 'agent' | 'operator';
      readonly name: string;
      readonly signer: Signer;
      /** Where a front door speaks for the agent: its name, and the id of the token by which the agent came. */
      readonly door?: { readonly name: string; readonly bearer: string };
    }
  | { readonly kind: 'nobody'; readonly name: string; readonly why: string };

/** Who speaks in a statement: an agent or operator with a key, or an agent through a front door that may speak for it. */
export function voiceOf(statement: string, policy: Policy | undefined): Voice {
  const name = claimantOf(statement);
  const nobody = (why: string): Voice => ({ kind: 'nobody', name, why });
  const door = claimedIn(statement)?.door;
  const agent = policy?.agents.get(name);
  if (!door) {
    const signer = agent ?? policy?.operators.get(name);
    if (!signer) return nobody(`the configuration knows no agent ${name}`);
    return { kind: agent ? 'agent' : 'operator', name, signer };
  }
  const signer = policy?.frontDoors.get(door.name);
  if (!signer) return nobody(`the configuration knows no front door ${nameOf(door.name)}`);
  if (!agent) return nobody(`the configuration knows no agent ${name}`);
  if (!signer.may_speak_for.includes(name))
    return nobody(`the front door ${door.name} may not speak for ${name}`);
  return { kind: 'agent', name, signer, door };
}
