import type { Question } from '../../gate/decide.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { newKeyPair } from '../../gate/statement.ts';
import type { Endpoint } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName, type RequestOf } from '../../pagerduty/catalogue/index.ts';

const { publicKey } = newKeyPair();

/** A policy with one agent, `bot`. */
export const policyOf = (grants: object) =>
  parsePolicy(JSON.stringify({ agents: { bot: { public_key: publicKey, grants } } }));

/** The question that an operation's Activity asks, on an incident of this status. */
export function ask<Name extends OperationName>(
  name: Name,
  request: RequestOf<Name>,
  status?: string,
): Question {
  const endpoint: Endpoint = catalogue[name];
  return {
    agent: 'bot',
    operation: name,
    summary: endpoint.summary,
    actions: endpoint.actions(request as never, () => status),
    touches: endpoint.touches(request as never),
    now: Date.UTC(2026, 5, 24, 10),
  };
}
/** A grant with a condition. */
export const limited = (level: 'read' | 'full', when: object) => ({ level, when });
