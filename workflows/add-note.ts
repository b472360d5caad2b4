import { deskOf } from './approvals.ts';
import { knownOf, outcomeOf } from './attempt.ts';
import { chronicleOf } from './chronicle.ts';
import type { AddNoteInput, RunResult } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';

/** Adds one note to an incident. */
export async function addNote(input: AddNoteInput): Promise<RunResult> {
  const { account, incident: id, note } = input;
  const chronicle = chronicleOf(input);
  const { write } = activitiesOf(account);
  const added = await deskOf(input, chronicle).ask<'createIncidentNote'>((words) =>
    perform(write.createIncidentNote, {
      step: `Add a note to ${id}`,
      request: { params: { id }, body: { note: { content: note } } },
      ...words,
    }),
  );
  if (!added.ok) {
    chronicle.notChanged(`note on ${id}`, added.sentence);
    return chronicle.end(outcomeOf[added.kind], added.sentence, knownOf(added));
  }
  chronicle.actsAs(added.agent);
  chronicle.changed(`Incident ${id} has a note more.`);
  // PagerDuty answered with the note itself: that is the reading back.
  return chronicle.end('done', `The note is on incident ${id}.`, { verified: true });
}
