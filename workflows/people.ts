import { ApplicationFailure } from '@temporalio/common';
import {
  CancellationScope,
  condition,
  defineQuery,
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
import type { IncidentEvent } from '../pagerduty/webhooks.ts';
import { attempt } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import { type Happening, incidentChanged, type Known, type Pause, type Signed } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';
import { asSaid, brief, checkShort, checkSigned } from './said.ts';
import { notesMark, stateOf } from './state.ts';

export const changed = defineSignal<[Happening]>(incidentChanged);

/** A person takes the incident: the run stops writing and gives it back. Narrows only, so anyone may say it. */
export const takeOver = defineUpdate<string, [({ readonly by?: string } | undefined)?]>('takeOver');

/** Gives the incident back now instead of at the end of the lease. Narrows only, so anyone may ask for it. */
export const handBack = defineUpdate<string>('handBack');

/** Nothing is written until an operator resumes; a lease runs on. Narrows only, so anyone may say it. */
export const pause = defineUpdate<
  string,
  [({ readonly by?: string; readonly reason?: string } | undefined)?]
>('pause');

/** Goes on after a pause. Widens, so an operator must have signed exactly this pause. */
export const resume = defineUpdate<string, [Signed<Pause>]>('resume');

/** The pause that holds; `null` where none does. */
export const pausedSince = defineQuery<Pause | null>('paused');

/** Why a run leaves its incident to people, in the words that follow "incident #12". */
export interface Ending {
  /** `person`: a person acted. `source`: whoever sent its alerts resolved it. `pagerduty`: it took the acknowledge back. `request`: somebody asked for it. */
  readonly by: 'person' | 'source' | 'pagerduty' | 'request';
  readonly sentence: string;
}

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
  let paused: (Pause & { readonly over: () => void }) | undefined;

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
  setHandler(
    pause,
    (word) => {
      const by = asSaid(word?.by, 'somebody');
      const reason = asSaid(word?.reason, '', 120);
      const why = reason === '' ? '' : `: ${reason}`;
      paused ??= {
        at: Date.now(),
        by,
        over: chronicle.waitsFor(
          `an operator to resume it (paused by ${by}${why})`,
          undefined,
          `let it go on with \`oncall resume ${workflowInfo().workflowId}\`, or take the incident with \`oncall take-over ${workflowInfo().workflowId}\``,
        ),
      };
      return 'It writes nothing until an operator resumes it; a lease runs on.';
    },
    {
      description: 'Write nothing until an operator resumes the run',
      validator: brief(checkShort),
    },
  );
  setHandler(
    resume,
    async ({ value, statement }) => {
      const heardAt = new Date().toISOString();
      const word = await perform(urgent.admit, {
        step: `Check who resumes at ${heardAt}`,
        update: 'resume',
        of: 'operator',
        value,
        statement,
      });
      if (!word.ok) throw ApplicationFailure.nonRetryable(word.sentence, 'PermissionDenied');
      chronicle.say(word.sentence);
      paused?.over();
      paused = undefined;
      return word.sentence;
    },
    {
      description: 'Go on after a pause: { value: what the Query paused says, statement }',
      validator: brief((word: Signed<Pause>) => {
        checkSigned(word, '`oncall resume` signs one');
        if (!paused) throw new Error('The run is not paused.');
        if (word.value.at !== paused.at || word.value.by !== paused.by)
          throw new Error('It is paused anew since; look again, then resume that.');
      }),
    },
  );
  setHandler(pausedSince, () => (paused ? { at: paused.at, by: paused.by } : null), {
    description: 'Who paused the run, and since when',
  });
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
    if (last) return end({ by: 'person', sentence: `${last.name} ${did[last.kind]}` });
    if (differs) endedBy(was, incident, acts.takenBack);
  }

  /** What is nobody's act can be the end as well. */
  function endedBy(
    was: Incident,
    { status, last_status_change_by: by }: Incident,
    back: keyof typeof takenBack | null,
  ): void {
    if (status === 'resolved')
      end({ by: 'source', sentence: `${by?.summary ?? 'its source'} has resolved it` });
    else if (was.status === 'acknowledged' && status === 'triggered') end(takenBack[back ?? 'unknown']);
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
    mayWrite: async () => {
      if (paused) await condition(() => paused === undefined || ending !== undefined || isLeft);
      return paused === undefined;
    },
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

/** Events of what people do. Our own writes and PagerDuty cause them too, so the log is asked who it was. */
const tellsOfAct: ReadonlySet<string> = new Set<IncidentEvent>([
  'incident.acknowledged',
  'incident.delegated',
  'incident.escalated',
  'incident.reassigned',
  'incident.reopened',
  'incident.resolved',
  'incident.unacknowledged',
]);

/** What each act is called, in a sentence. */
const did = {
  acknowledge: 'has acknowledged it',
  resolve: 'has resolved it',
  unacknowledge: 'has un-acknowledged it',
  reopen: 'has opened it again',
  assign: 'has reassigned it',
  escalate: 'has escalated it',
  delegate: 'has handed it to another escalation policy',
  snooze: 'has snoozed it',
} as const;

/** Who took the acknowledge back where no person did; what the log does not tell, a person may have done. */
const takenBack: Readonly<Record<'pagerduty' | 'ours' | 'unknown', Ending>> = {
  pagerduty: { by: 'pagerduty', sentence: 'PagerDuty has un-acknowledged it' },
  ours: { by: 'pagerduty', sentence: 'it was given back to people already' },
  unknown: { by: 'person', sentence: 'it pages again, and who did it could not be read from its log' },
};

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
