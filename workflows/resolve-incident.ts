import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import { type Asking, type Desk, deskOf } from './approvals.ts';
import { attempt, knownOf, outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import type { Outcome, ResolveInput, RunResult, Subject } from './contract.ts';
import { noteBook } from './notes.ts';
import { type People, peopleOf } from './people.ts';
import { activitiesOf, perform } from './proxies.ts';

/** Resolves an open incident that no person works on, and reads it back. Steps back where a person acts while it waits. */
export async function resolveIncident(input: ResolveInput): Promise<RunResult> {
  const { account, incident: id } = input;
  const chronicle = chronicleOf(input);
  const people = peopleOf(input, chronicle);
  const desk = deskOf(input, chronicle, people);
  const notes = noteBook(input, chronicle, { desk, people });
  const { look } = activitiesOf(account);
  const read = await attempt(
    perform(look.getIncident, { step: `Read incident ${id}`, request: { params: { id } } }),
  );
  if (!read.ok) {
    chronicle.notChanged(`resolve ${id}`, read.sentence);
    return chronicle.end(outcomeOf[read.kind], read.sentence, knownOf(read));
  }
  chronicle.actsAs(read.agent);
  const { incident } = read.response;
  chronicle.concerns(incident.service?.id);
  chronicle.shows(incident);
  const { status, incident_number: number } = incident;
  if (status !== 'triggered' && status !== 'acknowledged') {
    return chronicle.end('nothing_to_do', `Incident #${number} is ${status} already.`, { verified: true });
  }
  people.follow(incident);
  const came = await people.during(() =>
    resolve(input, { seen: incident, people }, chronicle, desk, {
      incident,
      asked: (pending) => notes.ask([], pending, incident),
    }),
  );
  people.leave();
  if (came.end === 'done') {
    const { outcome, sentence, verified } = came.value;
    return chronicle.end(outcome, sentence, { verified });
  }
  const why = came.end === 'people' ? came.ending.sentence : 'its time was over';
  chronicle.notChanged(`resolve ${id}`, why);
  return chronicle.end('yielded_to_human', `Incident #${number} was left to people: ${why}.`, {
    verified: true,
  });
}

/** What came of resolving. */
export interface Resolution {
  readonly outcome: Outcome;
  readonly sentence: string;
  readonly verified: boolean;
}

/** Resolves an incident that still has the status it was seen in and that nobody but us has acknowledged; then reads it back. */
export async function resolve(
  { account, incident: id, resolution }: Subject & { readonly resolution?: string },
  {
    seen,
    people,
    isHeld = false,
  }: {
    readonly seen: Incident;
    readonly people: Pick<People, 'saw' | 'seen'>;
    /** Whether this run holds it acknowledged. */
    readonly isHeld?: boolean;
  },
  chronicle: Chronicle,
  desk: Desk,
  asking: Asking = {},
): Promise<Resolution> {
  const { urgent, look } = activitiesOf(account);
  const status = seen.status === 'triggered' ? 'triggered' : 'acknowledged';
  const resolved = await desk.ask<'updateIncident'>(
    (words) =>
      perform(urgent.updateIncident, {
        step: `Resolve ${id}`,
        request: {
          params: { id },
          body: {
            incident: {
              type: 'incident_reference',
              status: 'resolved',
              ...(resolution !== undefined && { resolution }),
            },
          },
        },
        // What the run holds was untouched when it was taken, and it has listened since.
        expect: { status, acknowledgers: 'ours', ...(isHeld ? {} : { untouched: true }) },
        ...people.seen(),
        ...words,
      }),
    asking,
  );
  if (!resolved.ok) {
    chronicle.notChanged(`resolve ${id}`, resolved.sentence);
    return { outcome: outcomeOf[resolved.kind], sentence: resolved.sentence, verified: false };
  }
  people.saw(resolved.response.incident);
  chronicle.changed(`Incident #${resolved.response.incident.incident_number} is resolved.`);
  const back = await attempt(
    perform(look.getIncident, { step: `Read back ${id}`, request: { params: { id } } }),
  );
  if (back.ok && back.response.incident.status === 'resolved') {
    return {
      outcome: 'done',
      sentence: `Incident #${back.response.incident.incident_number} is resolved, and was read back so.`,
      verified: true,
    };
  }
  const sentence = back.ok
    ? `Incident ${id} was resolved, but reads ${back.response.incident.status} now: someone reopened it.`
    : `Incident ${id} was resolved, but could not be read back: ${back.sentence}`;
  return { outcome: 'partly', sentence, verified: false };
}
