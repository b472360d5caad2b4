import { sign } from '../gate/statement.ts';
import type { AgentUpdates, Signed } from '../workflows/contract.ts';
import { type AgentIdentity, signsAs } from './identity.ts';

/** Words of an agent to a run of its own, with the statement that proves whose they are. */
export async function signed<Name extends keyof AgentUpdates>(
  agent: AgentIdentity,
  workflowId: string,
  update: Name,
  value: AgentUpdates[Name],
): Promise<Signed<AgentUpdates[Name]>> {
  const claim = { target: workflowId, type: `update:${update}`, input: value };
  return { value, statement: await sign(signsAs(agent), agent.key, claim) };
}
