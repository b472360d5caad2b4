import { condition, defineUpdate, isCancellation, setHandler } from '@temporalio/workflow';
import { chronicleOf, clock } from './chronicle.ts';
import type { AcknowledgeInput, RunResult } from './contract.ts';
import { acknowledge } from './hold.ts';
import { giveBack } from './release-incident.ts';

/** Gives the incident back now instead of at the end of the lease. Narrows only, so anyone may ask for it. */
export const handBack = defineUpdate<string>('handBack');

/**
 * Acknowledges a triggered incident under a lease and watches over it: what nobody resolved or took over by the end of the
 * lease goes back to people.
 */
export async function acknowledgeIncident(input: AcknowledgeInput): Promise<RunResult> {
  const chronicle = chronicleOf(input);
  let asked = false;
  setHandler(
    handBack,
    () => {
      asked = true;
      return 'It goes back to people now.';
    },
    { description: 'Give the incident back to people now' },
  );
  const held = await acknowledge(input, chronicle);
  if (!held.ok) return chronicle.end(held.outcome, held.sentence, { verified: true });
  chronicle.waitsFor('the end of the lease', held.until);
  try {
    await condition(() => asked, Math.max(1, held.until - Date.now()), { summary: 'the lease' });
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await giveBack({ ...input, reason: 'the run that held it was cancelled' });
    chronicle.end('yielded_to_human', 'Cancelled; the incident is with people.');
    throw error;
  }
  const back = await giveBack({
    ...input,
    reason: asked ? 'it was asked for' : `the lease ended at ${clock(held.until)} and nobody resolved it`,
  });
  return back.outcome === 'nothing_to_do'
    ? chronicle.end('done', `Held until ${clock(Date.now())}. ${back.summary}`, { verified: true })
    : chronicle.end('partly', back.summary, {
        verified: back.verified,
        next: ['Someone on call has it now.'],
      });
}
