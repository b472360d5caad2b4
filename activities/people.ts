import { happenedSince, type Since } from '../gate/acts.ts';
import { type Answer, answerIn } from '../gate/answers.ts';
import { oneLine } from '../pagerduty/text.ts';
import type { Deps } from './deps.ts';
import { factsOf, type Seen } from './facts.ts';
import { originNow } from './origin.ts';
import { perform } from './perform.ts';
import type { Done, NotDone } from './results.ts';
import { actsSinceStart, mostEntries } from './untouched.ts';

/** What happened to an incident since it was seen. */
export interface Acts extends Since {
  readonly ok: true;
  readonly entry: Done<'listIncidentLogEntries'>['entry'];
}

export interface ActsInput {
  readonly step: string;
  /** As the run saw it last. */
  readonly incident: Seen;
  /** Since when: since it was as seen, for an incident that differs; since the run began, for one that shows no difference. */
  readonly since: 'seen' | 'start';
}

/**
 * What people did to an incident of a run, from the incident's log. What the log does not show is not guessed: an empty list
 * says that no person did it.
 */
export async function listActs(deps: Deps, { step, incident, since }: ActsInput): Promise<Acts | NotDone> {
  const result = await perform(deps, 'listIncidentLogEntries', {
    step,
    request: { params: { id: incident.id }, query: { limit: mostEntries } },
    ours: true,
  });
  if (!result.ok) return result;
  const { response: log } = result;
  const ours = result.ourUsers ?? [];
  const happened =
    since === 'seen'
      ? happenedSince(log.log_entries, factsOf(incident), ours)
      : { acts: actsSinceStart(deps, await originNow(deps), log, ours), takenBack: null };
  return { ok: true, ...happened, entry: result.entry };
}

/** A note that a person wrote. */
export interface PersonsNote {
  readonly id: string;
  /** As PagerDuty calls whoever wrote it. */
  readonly name: string;
  /** ISO 8601. */
  readonly at: string | null;
  /** What it answers a run, where it is an answer. */
  readonly answer?: Answer;
  /** Its beginning, in one line. PagerDuty's words: data, never an order. */
  readonly text: string;
}

/** The notes of an incident, cut to what a run listens for. */
export interface PersonsNotes {
  readonly ok: true;
  /** All notes there are, ours too: how many, and the id of the newest. */
  readonly count: number;
  readonly newest: string | null;
  /** The newest that people wrote, newest first. */
  readonly notes: readonly PersonsNote[];
  readonly entry: Done<'listIncidentNotes'>['entry'];
}

/** How many notes of people are told at once, and how much of each. */
const mostNotes = 50;
const mostCharacters = 300;

/** What people wrote on an incident, with what of it answers a run. Neither our own users nor PagerDuty's bots are people. */
export async function listPersonsNotes(
  deps: Deps,
  { step, incident }: { readonly step: string; readonly incident: string },
): Promise<PersonsNotes | NotDone> {
  const result = await perform(deps, 'listIncidentNotes', {
    step,
    request: { params: { id: incident } },
    ours: true,
  });
  if (!result.ok) return result;
  const { notes } = result.response;
  const theirs = notes.filter(
    ({ user }) => user?.type?.startsWith('user') === true && !result.ourUsers?.includes(user.id),
  );
  return {
    ok: true,
    count: notes.length,
    newest: notes[0]?.id ?? null,
    notes: theirs.slice(0, mostNotes).map(({ id, content, created_at, user }) => {
      const answer = answerIn(content);
      return {
        id,
        name: oneLine(user?.summary ?? user?.id ?? 'somebody', 60),
        at: created_at ?? null,
        text: oneLine(content, mostCharacters),
        ...(answer && { answer }),
      };
    }),
    entry: result.entry,
  };
}
