import {
  CancellationScope,
  condition,
  defineUpdate,
  isCancellation,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { Desk } from './approvals.ts';
import { outcomeOf } from './attempt.ts';
import { type Chronicle, clock } from './chronicle.ts';
import type { Errand, Outcome, RunResult, Subject } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';
import { giveBack } from './release-incident.ts';

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
export async function acknowledge(input: Subject, chronicle: Chronicle, desk: Desk): Promise<Held | NotHeld> {
  const { account, incident: id } = input;
  const { urgent } = activitiesOf(account);
  const taken = await desk.ask<'updateIncident'>((statements) =>
    perform(urgent.updateIncident, {
      step: `Acknowledge ${id}`,
      request: { params: { id }, body: { incident: { type: 'incident_reference', status: 'acknowledged' } } },
      expect: { status: 'triggered' },
      statements,
    }),
  );
  if (!taken.ok) {
    chronicle.notChanged(`acknowledge ${id}`, taken.sentence);
    if (taken.kind !== 'Failed')
      return { ok: false, outcome: outcomeOf[taken.kind], sentence: taken.sentence };
    await giveBack({ ...input, reason: 'nobody knows whether the acknowledge went through' });
    return { ok: false, outcome: 'failed', sentence: taken.sentence };
  }
  chronicle.actsAs(taken.agent);
  const { incident } = taken.response;
  const until = taken.leaseUntil ?? Date.now();
  const release = incident.pending_actions?.find(({ type }) => type === 'unacknowledge');
  if (!release) {
    const why =
      'PagerDuty would not un-acknowledge it by itself; set an acknowledgement time-out on the service';
    await giveBack({ ...input, reason: why });
    chronicle.notChanged(`hold ${id}`, why);
    return {
      ok: false,
      outcome: 'partly',
      sentence: `Incident #${incident.incident_number} was given back at once: ${why}.`,
    };
  }
  chronicle.changed(
    `Incident #${incident.incident_number} is acknowledged under a lease until ${clock(until)}.`,
  );
  return { ok: true, incident, until };
}

/** Gives the incident back now instead of at the end of the lease. Narrows only, so anyone may ask for it. */
export const handBack = defineUpdate<string>('handBack');

/**
 * Makes ready to hold incidents without working on them: until the lease ends, someone asks for them, or the run is cancelled.
 * Then what nobody resolved or took over goes back to people.
 */
export function watchOver(
  errand: Errand,
  chronicle: Chronicle,
): (until: number, incidents: readonly string[]) => Promise<RunResult> {
  let asked = false;
  setHandler(
    handBack,
    () => {
      asked = true;
      return 'It goes back to people now.';
    },
    { description: 'Give the incident back to people now' },
  );
  return async (until, incidents) => {
    const back = (reason: string) =>
      Promise.all(incidents.map((incident) => giveBack({ ...errand, incident, reason })));
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

/**
 * Works until it is done or the lease ends, whichever comes first; at the end of the lease what is still under way is
 * cancelled, so that nothing that takes long can keep an incident from people.
 */
export async function underLease<T>(
  until: number,
  work: () => Promise<T>,
): Promise<{ readonly ended: true } | { readonly ended: false; readonly value: T }> {
  const waiting = new CancellationScope();
  const working = new CancellationScope();
  const end = waiting.run(() => sleep(Math.max(1, until - Date.now()), { summary: 'the lease' }));
  const value = working.run(work);
  try {
    return await Promise.race([
      end.then(() => ({ ended: true }) as const),
      value.then((done) => ({ ended: false, value: done }) as const),
    ]);
  } finally {
    // Whoever lost the race ends here, and what it says of that is heard by nobody.
    for (const loser of [end, value]) loser.catch(() => {});
    waiting.cancel();
    working.cancel();
  }
}
