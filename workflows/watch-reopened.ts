import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, sleep, startChild } from '@temporalio/workflow';
import { deskOf } from './approvals.ts';
import { attempt, outcomeOf } from './attempt.ts';
import { chronicleOf } from './chronicle.ts';
import type { RespondInput, RunResult, Subject } from './contract.ts';
import { noteBook } from './notes.ts';
import { peopleOf } from './people.ts';
import { activitiesOf, perform } from './proxies.ts';

/** How long an incident that a run resolved is watched for being opened again, in seconds, where the input does not say. */
const watchSeconds = 900;

export interface WatchInput extends Subject {
  /** Who resolved it. */
  readonly resolvedBy: string;
  readonly seconds: number;
  /** How many notes the run that resolved it has left on the incident. */
  readonly notesLeft: number;
}

/**
 * Watches an incident that its parent resolved. Opened again by a person, the finding was wrong: that is said in a note, people
 * keep the incident, and nothing of ours resolves it a second time.
 */
export async function watchReopened(input: WatchInput): Promise<RunResult> {
  const { account, incident: id, resolvedBy, seconds, notesLeft } = input;
  const chronicle = chronicleOf(input);
  const people = peopleOf(input, chronicle);
  const desk = deskOf(input, chronicle, people);
  const notes = noteBook(input, chronicle, { desk, people, most: notesLeft });
  const { look } = activitiesOf(account);
  const read = await attempt(
    perform(look.getIncident, { step: `Read incident ${id}`, request: { params: { id } } }),
  );
  if (!read.ok) return chronicle.end(outcomeOf[read.kind], read.sentence);
  chronicle.actsAs(read.agent);
  const { incident } = read.response;
  people.follow(incident);
  const until = Date.now() + seconds * 1000;
  const over = chronicle.waitsFor('somebody to open it again', until);
  const came = await people.during(() => sleep(seconds * 1000, { summary: 'watch for reopening' }));
  over();
  if (came.end !== 'people') {
    people.leave();
    return chronicle.end('done', `Incident #${incident.incident_number} stayed resolved.`, {
      verified: true,
    });
  }
  const { sentence } = came.ending;
  const summary = `Incident #${incident.incident_number} was not over: ${sentence} after ${resolvedBy} had resolved it. The finding did not hold. People have it now, and ${resolvedBy} does not resolve it again by itself.`;
  await notes.write('that it was not over', [summary]);
  people.leave();
  return chronicle.end('failed', summary, { verified: true, next: ['Look at why the finding was wrong.'] });
}

/** Starts the watch as a run of its own, which goes on when its parent has ended. */
export async function watchForReopening(
  { account, incident, watchSeconds: seconds = watchSeconds }: RespondInput,
  { agent, notesLeft }: { readonly agent: string; readonly notesLeft: number },
): Promise<void> {
  if (seconds === 0) return;
  try {
    await startChild(watchReopened, {
      workflowId: `reopened:${account}:${incident}`,
      args: [{ account, incident, resolvedBy: agent, seconds, notesLeft }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Watch whether ${incident} stays resolved`,
    });
  } catch (error) {
    // It was resolved before, and that is still being watched.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
