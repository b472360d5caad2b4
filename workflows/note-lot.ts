import { attempt, type Undone } from './attempt.ts';
import { chronicleOf } from './chronicle.ts';
import type { Errand } from './contract.ts';
import { inTurns } from './in-turns.ts';
import { activitiesOf, perform } from './proxies.ts';

/** How many incidents a lot has at most, so that no history grows with the storm. */
export const largestNoteLot = 100;

/** How many notes are under way at a time. */
const atOnce = 10;

/** The longest reason that is kept for an incident, in characters. */
const longestWhy = 300;

export interface NoteLotInput extends Errand {
  /** The most important first. */
  readonly notes: readonly { readonly incident: string; readonly content: string }[];
}

export interface NoteLotResult {
  /** Ids of the incidents that have their note. */
  readonly noted: readonly string[];
  readonly left: readonly { readonly id: string; readonly kind: Undone['kind']; readonly why: string }[];
  readonly agent?: string;
}

/** Writes a note on each of some incidents, in their order. None waits for an operator: of many, nobody answers for each. */
export async function noteLot({ notes, ...errand }: NoteLotInput): Promise<NoteLotResult> {
  const chronicle = chronicleOf(errand);
  const { write } = activitiesOf(errand.account);
  const noted: string[] = [];
  const left: NoteLotResult['left'][number][] = [];
  let agent: string | undefined;
  await inTurns(notes, atOnce, async ({ incident: id, content }) => {
    const added = await attempt(
      perform(write.createIncidentNote, {
        step: `Note on ${id}`,
        request: { params: { id }, body: { note: { content } } },
      }),
    );
    if (added.ok) {
      ({ agent } = added);
      chronicle.actsAs(added.agent);
      noted.push(id);
    } else left.push({ id, kind: added.kind, why: added.sentence.slice(0, longestWhy) });
  });
  chronicle.say(`${noted.length} of ${notes.length} have their note.`);
  return { noted, left, ...(agent !== undefined && { agent }) };
}
