import { isCancellation } from '@temporalio/workflow';
import { deskOf } from './approvals.ts';
import { attempt, knownOf, outcomeOf } from './attempt.ts';
import { chronicleOf } from './chronicle.ts';
import type { AcknowledgeInput, RunResult } from './contract.ts';
import { acknowledge, stepBack } from './hold.ts';
import { noteBook } from './notes.ts';
import { peopleOf } from './people.ts';
import { activitiesOf, perform } from './proxies.ts';
import { giveBack } from './release-incident.ts';

/**
 * Acknowledges a triggered incident under a lease and watches over it: what nobody resolved or took over by the end of the
 * lease goes back to people.
 */
export async function acknowledgeIncident(input: AcknowledgeInput): Promise<RunResult> {
  const { account, incident: id } = input;
  const chronicle = chronicleOf(input);
  const people = peopleOf(input, chronicle);
  const desk = deskOf(input, chronicle, people);
  const notes = noteBook(input, chronicle, { desk, people });
  const { urgent } = activitiesOf(account);
  const read = await attempt(
    perform(urgent.getIncident, { step: `Read incident ${id}`, request: { params: { id } }, ours: true }),
  );
  if (!read.ok) {
    chronicle.notChanged(`acknowledge ${id}`, read.sentence);
    return chronicle.end(outcomeOf[read.kind], read.sentence, knownOf(read));
  }
  chronicle.actsAs(read.agent);
  const { incident } = read.response;
  people.follow(incident);
  try {
    const took = await people.during(() =>
      acknowledge(input, chronicle, desk, {
        incident,
        people,
        asked: (pending) => notes.ask([], pending, incident),
      }),
    );
    if (took.end !== 'done') return await finish(took, undefined);
    const held = took.value;
    if (!held.ok) {
      people.leave();
      return chronicle.end(held.outcome, held.sentence, { verified: true });
    }
    chronicle.waitsFor('the end of the lease', held.until);
    const came = await people.during(() => new Promise<never>(() => {}), held.until);
    return await finish(came as Exclude<typeof came, { end: 'done' }>, held.until);
  } catch (error) {
    people.leave();
    await giveBack({ account, incident: id, reason: 'the run that held it ended early' });
    chronicle.end(
      isCancellation(error) ? 'yielded_to_human' : 'failed',
      'Ended early; the incident is with people.',
    );
    throw error;
  }

  async function finish(came: Parameters<typeof stepBack>[1], until: number | undefined): Promise<RunResult> {
    people.leave();
    const { outcome, summary, ...rest } = await stepBack(input, came, { until, mayHold: true });
    return chronicle.end(outcome, summary, rest);
  }
}
