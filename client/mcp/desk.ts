import type { Client } from '@temporalio/client';
import type { PolicyState } from '../../gate/policy-source.ts';
import type { AgentIdentity } from '../identity.ts';
import { oncallAs } from '../oncall.ts';
import { dutyOf } from './duty.ts';
import type { CallerBase } from './server.ts';

/** Where agents are spoken for: each has its duty for as long as this process lives, whichever request it comes by. */
export interface Desk extends AsyncDisposable {
  readonly callerOf: (agent: AgentIdentity) => CallerBase;
}

/**
 * A desk over a connection that is there.
 * @param policy what the configuration says now; `undefined` where none lies beside this server, and every tool is shown.
 */
export function deskOf(client: Client, account: string, policy: (() => PolicyState) | undefined): Desk {
  const known = new Map<string, Omit<CallerBase, 'grants'>>();
  const grantsOf = (name: string): CallerBase['grants'] => {
    const state = policy?.();
    if (!state) return undefined;
    // What cannot be read grants nothing; the gate says the same.
    return (state.readable ? state.policy.agents.get(name) : undefined) ?? { grants: new Map() };
  };
  return {
    callerOf: (agent) => {
      // Each token has its own: what it signs names it.
      const key = `${agent.name} ${agent.door?.bearer ?? ''}`;
      const base = known.get(key) ?? {
        agent,
        account,
        oncall: oncallAs(client, agent, account),
        client,
        duty: dutyOf(client, agent),
      };
      known.set(key, base);
      return { ...base, grants: grantsOf(agent.name) };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...known.values()].map(({ duty }) => duty[Symbol.asyncDispose]()));
    },
  };
}
