import {
  CancellationScope,
  condition,
  defineSignal,
  defineUpdate,
  isCancellation,
  metricMeter,
  setHandler,
  sleep,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import type { CallInput, PersonsNote } from '../activities/index.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import { attempt } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import { type Happening, incidentChanged, type Known } from './contract.ts';
import { type Ending, endedBy, endedWithout, tellsOfAct } from './ending.ts';
import { pauseOf } from './pause.ts';
import { activitiesOf, perform } from './proxies.ts';
import { asSaid, brief, checkShort } from './said.ts';
import { notesMark, stateOf } from './state.ts';

export const changed = defineSignal<[Happening]>(incidentChanged);

/** A person takes the incident: the run stops writing and gives it back. Narrows only, so anyone may say it. */
export const takeOver = defineUpdate<string, [({ readonly by?: string } | undefined)?]>('takeOver');

/** Gives the incident back now instead of at the end of the lease. Narrows only, so anyone may ask for it. */
export const handBack = defineUpdate<string>('handBack');

/** How work under people's eyes ended. */
export type Came<T> =
  | { readonly end: 'done'; readonly value: T }
  | { readonly end: 'lease' }
  | { readonly end: 'people'; readonly ending: Ending };

/** A note that was there when the run first saw its incident. */
export interface Standing {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string | null;
  readonly isOurs: boolean;
}

/** What people and PagerDuty do to the incident of a run, while it goes on. */
export interface People {
  /** Begins to follow the incident, from what was just read of it. Notes that were there before the run began answer nothing. */
  readonly follow: (incident: Incident, notes?: readonly Standing[]) => void;
  /** The incident as it was last seen, cut to what a write compares. */
  readonly seen: () => { readonly since?: NonNullable<CallInput<'updateIncident'>['since']> };
  /** The incident as a write of our own left it. */
  readonly saw: (incident: Incident) => void;
  /** A note of our own is there. */
  readonly noted: (id: string) => void;
  /** Works until it is done, a person acts, or an instant (milliseconds) comes; what is still under way then is cancelled. */
  readonly during: <T>(work: () => Promise<T>, until?: number) => Promise<Came<T>>;
  /** How often something was heard of the incident so far. */
  readonly wakes: () => number;
  /** Waits while the run is paused; says whether it may write then, or is over. */
  readonly mayWrite: () => Promise<boolean>;
  /** Who hears of a note that approves something. */
  readonly onNote: (
    hear: (note: { readonly incident: string; readonly id: string; readonly code: string }) => void,
  ) => void;
  /** The run itself has a reason to leave the incident to people. */
  readonly end: (ending: Ending) => void;
  /** Why it is over, where it is. */
  readonly ending: () => Ending | undefined;
  /** Ends the listening; before the run ends. */
  readonly leave: () => void;
}

/** Events whose ids are remembered, so that each counts once. */
const mostEvents = 1_000;

/** Listens for a run about one incident: its Signal, Updates and Query. */
export function peopleOf(
  { account, incident }: { readonly account: string; readonly incident?: string | undefined },
  chronicle: Chronicle,
): People {
  // A run that opens its incident knows only then which it is.
  let id = incident ?? '';
  const { urgent } = activitiesOf(account);
  const events = new Set<string>();
  const heard = { wakes: 0, notes: 0, acts: 0 };
  let looked = { ...heard };
  const listening = new CancellationScope();
  const seenNotes = new Set<string>();
  let hearNote: Parameters<People['onNote']>[0] = () => {};
  let ending: Ending | undefined;
  let known: Incident | undefined;
  let notes: { count: number; newest: string | null } | undefined;
  /** Counts our own writes: what was read before one of them is old. */
  let version = 0;
  let times = 0;
  let isLeft = false;
  let published: Known | undefined;
  let changes = 0;
  const paused = pauseOf(account, chronicle);

  const end = (next: Ending): void => {
    if (ending) return;
    ending = next;
    unpublish();
    chronicle.say(`Stepping back: ${next.sentence}.`);
  };

  setHandler(
    changed,
    ({ event, type, occurredAt }) => {
      if (events.has(event)) return;
      events.add(event);
      countLag(type, occurredAt);
      for (const oldest of events) {
        if (events.size <= mostEvents) break;
        events.delete(oldest);
      }
      heard.wakes += 1;
      if (type === 'incident.annotated' || type === 'sweep') heard.notes += 1;
      if (tellsOfAct.has(type)) heard.acts += 1;
    },
    { description: 'Something happened to the incident: it is read anew' },
  );
  setHandler(
    takeOver,
    (word) => {
      end({ by: 'person', sentence: `${asSaid(word?.by, 'somebody')} takes it over` });
      return 'The run stops writing; what it holds goes back to people now.';
    },
    {
      description: 'A person takes the incident: the run stops writing and gives it back',
      validator: brief(checkShort),
    },
  );
  setHandler(
    handBack,
    () => {
      end({ by: 'request', sentence: 'somebody asked that it go back to people' });
      return 'It goes back to people now.';
    },
    { description: 'Give the incident back to people now', validator: brief() },
  );
  chronicle.takes('pause', 'takeOver', 'handBack');

  function know(incident: Incident): void {
    known = incident;
    chronicle.shows(incident);
  }

  /** Keeps what is known where the sweep can compare it. */
  function publish(): void {
    if (!known) return;
    const state = stateOf(known);
    const mark = notes && notesMark(notes);
    if (ending || isLeft || (published?.state === state && published.notes === mark)) return;
    changes += 1;
    const number = known.incident_number;
    published = { incident: id, number, state, ...(mark !== undefined && { notes: mark }), changes };
    upsertMemo({ known: published, number });
  }

  /** Whoever listens no more has no use for what the sweep finds. */
  function unpublish(): void {
    if (published) upsertMemo({ known: null });
    published = undefined;
  }

  async function listen(): Promise<void> {
    for (;;) {
      await condition(() => ending !== undefined || heard.wakes > looked.wakes);
      if (ending) return;
      const now = { ...heard };
      times += 1;
      if (now.notes > looked.notes) await readNotes(times);
      if (!ending) await lookAgain(times, now.acts > looked.acts);
      looked = now;
    }
  }

  /** @param isTold whether an event told of an act: a person's counts also where it left all as it was. */
  async function lookAgain(time: number, isTold: boolean): Promise<void> {
    const before = version;
    const read = await attempt(
      perform(urgent.getIncident, {
        step: `Look again at ${id}, ${time}`,
        request: { params: { id } },
        ours: true,
      }),
    );
    if (!read.ok) return unread(`What happened to it could not be read: ${read.sentence}`);
    if (!known || ending) return;
    // One of our own writes came in between: what was read is old, or will be told again.
    if (version !== before) return lookAgain(time, isTold);
    const { incident } = read.response;
    const was = known;
    const differs = stateOf(incident) !== stateOf(was);
    const acts =
      differs || isTold
        ? await attempt(
            perform(urgent.listActs, {
              step: `Ask who did it, ${time}`,
              incident: seenOf(was),
              since: differs ? 'seen' : 'start',
            }),
          )
        : undefined;
    if (version !== before) return lookAgain(time, isTold);
    // In the people's favour: what nobody can tell, a person may have done.
    if (differs && acts && !acts.ok)
      return end({
        by: 'person',
        sentence: `it was changed, and who did it could not be read (${acts.sentence})`,
      });
    know(incident);
    publish();
    if (!acts) return;
    if (!acts.ok) return unread(`Who acted on it could not be read: ${acts.sentence}`);
    const last = acts.acts.at(-1);
    const reason = last ? endedBy(last) : differs && endedWithout(was, incident, acts.takenBack);
    if (reason) end(reason);
  }

  async function readNotes(time: number): Promise<void> {
    const read = await attempt(
      perform(urgent.listPersonsNotes, { step: `Read the notes of ${id}, ${time}`, incident: id }),
    );
    if (!read.ok) return unread(`Its notes could not be read: ${read.sentence}`);
    notes = { count: read.count, newest: read.newest };
    publish();
    for (const note of read.notes.toReversed()) {
      if (seenNotes.has(note.id) || isOlder(note)) continue;
      seenNotes.add(note.id);
      hear(note);
    }
  }

  /** Whoever told of it may tell of it again. */
  function unread(sentence: string): void {
    events.clear();
    chronicle.say(sentence);
  }

  function hear({ id: note, name, answer, text }: PersonsNote): void {
    if (answer?.kind === 'stop') end({ by: 'person', sentence: `${name} wrote “stop”` });
    else if (answer?.kind === 'mine') end({ by: 'person', sentence: `${name} takes it: “mine”` });
    else if (answer) hearNote({ incident: id, id: note, code: answer.code });
    else chronicle.say(`${name} noted: “${text}”`);
  }

  return {
    follow: (incident, existing) => {
      know(incident);
      for (const note of existing ?? []) {
        if (note.isOurs || note.at === null || isOlder(note)) seenNotes.add(note.id);
        else {
          heard.wakes += 1;
          heard.notes += 1;
        }
      }
      if (existing) notes = { count: existing.length, newest: existing[0]?.id ?? null };
      publish();
      listening.run(listen).catch((error: unknown) => {
        if (!isCancellation(error)) throw error;
      });
    },
    seen: () => (known ? { since: seenOf(known) } : {}),
    saw: (incident) => {
      id = incident.id;
      know(incident);
      version += 1;
      publish();
    },
    noted: (note) => {
      if (notes) notes = { count: notes.count + 1, newest: note };
      publish();
    },
    during: async (work, until) => {
      if (ending) return { end: 'people', ending };
      const waiting = new CancellationScope();
      const working = new CancellationScope();
      const over = waiting.run(() => condition(() => ending !== undefined));
      const lease =
        until === undefined
          ? new Promise<never>(() => {})
          : waiting.run(() => sleep(Math.max(1, until - Date.now()), { summary: 'the lease' }));
      const value = working.run(work);
      try {
        return await Promise.race([
          over.then(() => ({ end: 'people', ending: ending as Ending }) as const),
          lease.then(() => ({ end: 'lease' }) as const),
          value.then((done) => ({ end: 'done', value: done }) as const),
        ]);
      } finally {
        // Whoever lost the race ends here, and what it says of that is heard by nobody.
        for (const loser of [over, lease, value]) loser.catch(() => {});
        waiting.cancel();
        working.cancel();
      }
    },
    wakes: () => heard.wakes,
    mayWrite: () => paused.over(() => ending !== undefined || isLeft),
    onNote: (listener) => {
      hearNote = listener;
    },
    end,
    ending: () => ending,
    leave: () => {
      isLeft = true;
      unpublish();
      listening.cancel();
    },
  };
}

/** Whether a note was there before the run began; a minute of grace, since PagerDuty's clock is another. */
const isOlder = ({ at }: Pick<PersonsNote, 'at'>): boolean =>
  at !== null && Date.parse(at) < workflowInfo().startTime.getTime() - 60_000;

/** An incident cut to what it is compared by. */
const seenOf = ({
  id,
  incident_number,
  title,
  status,
  urgency,
  service,
  escalation_policy,
  teams,
  assignments,
  acknowledgements,
}: Incident) => ({
  id,
  incident_number,
  title,
  status,
  urgency,
  service,
  escalation_policy,
  teams,
  assignments,
  acknowledgements,
});

/** From what happened in PagerDuty until its run heard of it. Anyone can send a Signal, so its words name no metric. */
function countLag(type: string, occurredAt: string): void {
  const seconds = (Date.now() - Date.parse(occurredAt)) / 1_000;
  // What the sweep found has no instant of its own.
  if (type === 'sweep' || !(seconds >= 0)) return;
  metricMeter
    .createHistogram('oncall_webhook_lag_seconds', 'float', 's', 'From an event to the run that heard of it')
    .record(seconds);
}
