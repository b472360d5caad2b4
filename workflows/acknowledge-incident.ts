import { deskOf } from './approvals.ts';
import { chronicleOf } from './chronicle.ts';
import type { AcknowledgeInput, RunResult } from './contract.ts';
import { acknowledge, watchOver } from './hold.ts';

/**
 * Acknowledges a triggered incident under a lease and watches over it: what nobody resolved or took over by the end of the
 * lease goes back to people.
 */
export async function acknowledgeIncident(input: AcknowledgeInput): Promise<RunResult> {
  const chronicle = chronicleOf(input);
  const watch = watchOver(input, chronicle);
  const held = await acknowledge(input, chronicle, deskOf(input, chronicle));
  if (!held.ok) return chronicle.end(held.outcome, held.sentence, { verified: true });
  return watch(held.until, [input.incident]);
}
