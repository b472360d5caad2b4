import { condition, isCancellation, setHandler } from '@temporalio/workflow';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { Asking, Desk } from './approvals.ts';
import { outcomeOf } from './attempt.ts';
import { type Chronicle, clock } from './chronicle.ts';
import type { Errand, Outcome, RunResult, Subject } from './contract.ts';
import { type Came, handBack, type People } from './people.ts';
import { activitiesOf, perform } from './proxies.ts';
import { giveBack } from './release-incident.ts';
import { brief } from './said.ts';

/** An incident that this run holds acknowledged. */
export interface Held {
  readonly ok: true;
  readonly incident: Incident;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Why it does not, with people having the incident. */
export interface NotHeld {
  readonly ok: false;
  readonly outcome: Outcome;
  readonly sentence: string;
}

/**
 * Acknowledges a triggered incident under a lease. It is held only where PagerDuty itself would give it back, should every
 * part of ours die: `pending_actions` must show the un-acknowledge, else the incident goes back to people at once.
 */
export async function acknowledge(
  input: Subject,
  chronicle: Chronicle,
  desk: Desk,
  { people, ...asking }: Asking & { readonly people?: Pick<People, 'saw' | 'seen'> } = {},
): Promise<Held | NotHeld> {
  const { account, incident: id } = input;
  const { urgent } = activitiesOf(account);
  const taken = await desk.ask<'updateIncident'>(
    (words) =>
      perform(urgent.updateIncident, {
        step: `Acknowledge ${id}`,
        request: {
          params: { id },
          body: { incident: { type: 'incident_reference', status: 'acknowledged' } },
        },
        expect: { status: 'triggered', untouched: true },
        ...people?.seen(),
        ...words,
      }),
    asking,
  );
  if (!taken.ok) {
    chronicle.notChanged(`acknowledge ${id}`, taken.sentence);
    if (taken.kind !== 'Failed')
      return { ok: false, outcome: outcomeOf[taken.kind], sentence: taken.sentence };
    await giveBack({ account, incident: id, reason: 'nobody knows whether the acknowledge went through' });
    return { ok: false, outcome: 'failed', sentence: taken.sentence };
  }
  chronicle.actsAs(taken.agent);
  const { incident } = taken.response;
  people?.saw(incident);
  const until = taken.leaseUntil ?? Date.now();
  if (!isGuarded(incident)) {
    await giveBack({ account, incident: id, reason: unguarded });
    chronicle.notChanged(`hold ${id}`, unguarded);
    return {
      ok: false,
      outcome: 'partly',
      sentence: `Incident #${incident.incident_number} was given back at once: ${unguarded}.`,
    };
  }
  chronicle.changed(
    `Incident #${incident.incident_number} is acknowledged under a lease until ${clock(until)}.`,
  );
  return { ok: true, incident, until };
}

/** Whether PagerDuty itself will un-acknowledge it, should all of ours die. */
export const isGuarded = ({ pending_actions }: Incident): boolean =>
  pending_actions?.some(({ type }) => type === 'unacknowledge') === true;

export const unguarded =
  'PagerDuty would not un-acknowledge it by itself; set an acknowledgement time-out on the service';

/** How a run ends that stepped back, or held to the end of its lease: what it held is with people again, or they took it. */
export async function stepBack(
  { account, incident }: Pick<Subject, 'account' | 'incident'>,
  came: Exclude<Came<unknown>, { end: 'done' }>,
  { until, mayHold }: { readonly until: number | undefined; readonly mayHold: boolean },
): Promise<Required<Pick<RunResult, 'outcome' | 'summary' | 'verified' | 'next'>>> {
  const byPeople = came.end === 'people' ? came.ending : undefined;
  const reason = byPeople?.sentence ?? `the lease ended at ${clock(until ?? Date.now())}`;
  // Also where nothing is known to be held: an acknowledge may have been under way.
  const back = mayHold ? await giveBack({ account, incident, reason }) : undefined;
  const words = [
    ...(byPeople ? [`${byPeople.sentence.charAt(0).toUpperCase()}${byPeople.sentence.slice(1)}.`] : []),
    ...(!back || (byPeople && back.outcome === 'nothing_to_do') ? [] : [back.summary]),
  ];
  const end = { summary: words.join(' '), verified: back?.verified ?? true };
  if (byPeople?.by === 'source') return { outcome: 'done', ...end, next: [] };
  if (byPeople?.by === 'person') return { outcome: 'yielded_to_human', ...end, next: [] };
  return { outcome: 'partly', ...end, next: ['Someone on call has it now.'] };
}

/**
 * Makes ready to hold incidents without working on them: until the lease ends, someone asks for them, or the run is cancelled.
 * Then what nobody resolved or took over goes back to people.
 */
export function watchOver(
  { account }: Errand,
  chronicle: Chronicle,
): (until: number, incidents: readonly string[]) => Promise<RunResult> {
  let asked = false;
  setHandler(
    handBack,
    () => {
      asked = true;
      return 'It goes back to people now.';
    },
    { description: 'Give the incident back to people now', validator: brief() },
  );
  return async (until, incidents) => {
    const back = (reason: string) =>
      Promise.all(incidents.map((incident) => giveBack({ account, incident, reason })));
    chronicle.waitsFor('the end of the lease', until);
    try {
      await condition(() => asked, Math.max(1, until - Date.now()), { summary: 'the lease' });
    } catch (error) {
      if (!isCancellation(error)) throw error;
      await back('the run that held it was cancelled');
      chronicle.end('yielded_to_human', 'Cancelled; the incident is with people.');
      throw error;
    }
    const given = await back(
      asked ? 'it was asked for' : `the lease ended at ${clock(until)} and nobody resolved it`,
    );
    const summary = given.map((release) => release.summary).join('\n');
    return given.every(({ outcome }) => outcome === 'nothing_to_do')
      ? chronicle.end('done', `Held until ${clock(Date.now())}. ${summary}`, { verified: true })
      : chronicle.end('partly', summary, {
          verified: given.every(({ verified }) => verified),
          next: ['Someone on call has it now.'],
        });
  };
}
