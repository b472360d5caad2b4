import { CancellationScope } from '@temporalio/workflow';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { Desk } from './approvals.ts';
import { type Chronicle, clock } from './chronicle.ts';
import type { PendingApproval, Subject } from './contract.ts';
import { sawOf } from './effect.ts';
import type { People } from './people.ts';
import { activitiesOf, perform } from './proxies.ts';

/** So many notes a run writes on one incident, whatever happens: people read them at night. */
const mostNotes = 2;

/** A note is cut here; PagerDuty takes more, and nobody reads it. */
const longest = 5_000;

/** What a run writes on its incident. */
export interface NoteBook {
  /** Writes a note, where one is left to write; none waits for an operator beyond `until`. Says whether it stands; a note that could not be written stops nothing. */
  readonly write: (what: string, lines: readonly string[], until?: number) => Promise<boolean>;
  /** Asks people for their word on a step, below what else is to be said; where no note is left, in the Temporal UI alone. */
  readonly ask: (lines: readonly string[], pending: PendingApproval, incident: Incident) => Promise<void>;
  /** How many notes are left. */
  readonly left: () => number;
}

/** The notes of one run on one incident. */
export function noteBook(
  { account, incident: id }: Subject,
  chronicle: Chronicle,
  {
    desk,
    people,
    most = mostNotes,
  }: { readonly desk: Desk; readonly people: People; readonly most?: number },
): NoteBook {
  const { write } = activitiesOf(account);
  let left = most;

  async function writeNote(
    what: string,
    lines: readonly string[],
    { until = Number.POSITIVE_INFINITY, waits = true } = {},
  ): Promise<boolean> {
    if (left < 1) {
      chronicle.say(`No note more: ${what} is told here alone.`);
      return false;
    }
    left -= 1;
    const content = lines.filter(Boolean).join('\n').slice(0, longest);
    // Begun, it is brought to its end, whatever else is given up meanwhile: it is what people have of the run.
    const added = await CancellationScope.nonCancellable(() =>
      desk.until(until).ask<'createIncidentNote'>(
        (words) =>
          perform(write.createIncidentNote, {
            step: `Note ${what} on ${id}`,
            request: { params: { id }, body: { note: { content } } },
            ...words,
          }),
        { waits },
      ),
    );
    if (!added.ok) {
      chronicle.notChanged(`note on ${id}`, added.sentence);
      return false;
    }
    people.noted(added.response.note.id);
    chronicle.changed(`Incident ${id} has ${what} as a note.`);
    return true;
  }

  return {
    write: (what, lines, until) => writeNote(what, lines, until === undefined ? {} : { until }),
    ask: async (lines, pending, incident) => {
      const what = `the question ${pending.id.slice(0, shown)}`;
      // A question that would itself need somebody's word asks nobody.
      await writeNote(what, [...lines, ...question(pending, incident)], { waits: false });
    },
    left: () => left,
  };
}

/** How much of a step's id a note shows: short enough to type on a phone at night. */
const shown = 3;

/** What is asked, what it was asked on, and how to answer. */
function question(
  { id, agent, effect, anew, until }: PendingApproval,
  incident: Incident,
): readonly string[] {
  return [
    `${agent} asks: ${effect}`,
    ...(anew === undefined ? [] : [anew]),
    `It saw: ${sawOf(incident)}.`,
    `Answer with a note: “ok ${id.slice(0, shown)}” (yes), “stop” (no, leave it), “mine” (I take it). Until ${clock(until)}. Or: oncall approve ${id}`,
  ];
}
