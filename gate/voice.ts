import type { Operator } from './configuration.ts';
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

/** An operator who gives a word on a step, and whose key must have signed it. */
export interface OperatorVoice {
  readonly name: string;
  readonly operator: Operator;
  readonly signer: Signer;
  /** The front door that says so, where the operator did not sign. */
  readonly via?: string;
}

/** Whose word on a step a statement is: an operator's own, or that of an operator for whom a front door may speak; else why it is nobody's. */
export function operatorIn(statement: string, { operators, frontDoors }: Policy): OperatorVoice | string {
  const claimed = claimedIn(statement);
  const name = claimed?.agent ?? '';
  const operator = operators.get(name);
  if (!operator) return 'the configuration knows no such operator';
  const via = claimed?.door?.name;
  if (via === undefined) return { name, operator, signer: operator };
  const signer = frontDoors.get(via);
  if (!signer) return `the configuration knows no front door ${nameOf(via)}`;
  if (!signer.may_speak_for_operators.includes(name))
    return `the front door ${via} may not speak for ${name}`;
  return { name, operator, signer, via };
}
