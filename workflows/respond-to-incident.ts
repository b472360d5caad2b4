import { ApplicationFailure } from '@temporalio/common';
import {
  allHandlersFinished,
  condition,
  defineUpdate,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import { type Desk, deskOf } from './approvals.ts';
import { nextOf, outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf, clock } from './chronicle.ts';
import {
  type Conclusion,
  type Finding,
  findingClasses,
  type RespondInput,
  type RespondUpdates,
  type RunResult,
  type Signed,
} from './contract.ts';
import { acknowledge, type Held, handBack, underLease } from './hold.ts';
import { activitiesOf, perform } from './proxies.ts';
import { giveBack } from './release-incident.ts';
import { resolve } from './resolve-incident.ts';
import { describe, look, type Triage } from './triage-incident.ts';

/** The finding of the client that started the run; its coming is the proof that someone is there to work. */
export const giveFinding = defineUpdate<string, [Signed<Finding>]>('giveFinding');

/** What ends the run: the incident is over. Resolves it, with the rights of the run's agent, who must have signed it. */
export const conclude = defineUpdate<string, [Signed<Conclusion>]>('conclude');

/** What has come in by Updates so far. */
interface Heard {
  finding?: Finding;
  conclusion?: Conclusion;
  handBack?: true;
}

/**
 * Responds to one incident from look to resolve: reads it, judges it, acknowledges it under a lease, notes the finding, waits
 * for the conclusion, resolves it and reads it back. Whatever happens on the way, an incident it acknowledged and did not
 * resolve goes back to people.
 */
export async function respondToIncident(input: RespondInput): Promise<RunResult> {
  const chronicle = chronicleOf(input);
  const heard: Heard = {};
  const desk = deskOf(input, chronicle);
  listen(input, chronicle, heard);

  const triage = await look(input, chronicle);
  if (!triage.ok) {
    chronicle.notChanged(`respond to ${input.incident}`, triage.sentence);
    return chronicle.end(outcomeOf[triage.kind], triage.sentence, nextOf(triage));
  }
  const { incident } = triage;
  if (incident.status !== 'triggered') {
    const summary = `Incident #${incident.incident_number} is ${incident.status} already; people or another run have it.`;
    return chronicle.end('nothing_to_do', summary, { verified: true });
  }
  const finding = await judgement(input, triage, chronicle, heard);
  if (!finding) {
    const why = 'no finding came from the client that started the run, so PagerDuty keeps paging';
    chronicle.notChanged(`acknowledge ${incident.id}`, why);
    return chronicle.end('partly', `Incident #${incident.incident_number} was left to people: ${why}.`, {
      verified: true,
    });
  }
  const mayTake = finding.class !== 'unclear';
  const held = mayTake ? await acknowledge(input, chronicle, desk) : undefined;
  if (!held?.ok) {
    const why = held?.sentence ?? 'the finding is unclear, so PagerDuty keeps paging';
    if (!held) chronicle.notChanged(`acknowledge ${incident.id}`, why);
    const noted = await note(
      input,
      chronicle,
      desk,
      { ...triage, finding },
      `Not acknowledged by ${triage.agent}: ${why}`,
    );
    return chronicle.end(
      noted || !held ? 'partly' : held.outcome,
      `${describe({ ...triage, finding })} ${why}`,
      {
        verified: true,
        next: ['Someone on call has it.'],
      },
    );
  }
  return work(input, chronicle, { ...triage, finding }, held, heard, desk);
}

/** From the acknowledge to the end. Every way out that did not resolve gives the incident back. */
async function work(
  input: RespondInput,
  chronicle: Chronicle,
  triage: Triage,
  held: Held,
  heard: Heard,
  anyDesk: Desk,
): Promise<RunResult> {
  const { incident_number: number } = triage.incident;
  // Nothing waits for an operator beyond the lease.
  const desk = anyDesk.until(held.until);
  // Written beside the waiting: a note that takes long keeps neither the conclusion nor the end of the lease.
  const noted = note(
    input,
    chronicle,
    desk,
    triage,
    `${triage.agent} holds it until ${clock(held.until)}; then it goes back to people.`,
  );
  noted.catch(() => {});
  try {
    const worked = await underLease(held.until, async () => {
      const heardAll = chronicle.waitsFor('the conclusion', held.until);
      await condition(() => heard.conclusion !== undefined || heard.handBack === true);
      heardAll();
      if (heard.handBack || !heard.conclusion) return undefined;
      const { resolution } = heard.conclusion;
      return resolve({ ...input, resolution }, 'acknowledged', chronicle, desk);
    });
    // A word that was waited for until the lease ended: the end of the lease it is, whichever timer came first.
    const lapsed = !worked.ended && worked.value?.outcome === 'approval_refused' && Date.now() >= held.until;
    const end = worked.ended || lapsed ? undefined : worked.value;
    const resolution = heard.conclusion?.resolution ?? '';
    if (end && (end.outcome === 'done' || end.outcome === 'partly')) {
      return await finish(end.outcome, `${end.sentence} ${resolution}`, { verified: end.verified });
    }
    const reason = end
      ? 'it could not be resolved'
      : heard.handBack
        ? 'it was asked for'
        : `the lease ended at ${clock(held.until)}`;
    const back = await giveBack({ ...input, reason });
    if (!end) {
      return await finish('partly', back.summary, {
        verified: back.verified,
        next: ['Someone on call has it now.'],
      });
    }
    return await finish(end.outcome, `${end.sentence} ${back.summary}`, {
      verified: back.verified,
      next: [`Resolve #${number} by hand if it is over: ${resolution}`],
    });
  } catch (error) {
    // Cancelled, or something that no step foresaw: people first, then the failure.
    await giveBack({ ...input, reason: 'the run that held it ended early' });
    chronicle.end(
      isCancellation(error) ? 'yielded_to_human' : 'failed',
      'Ended early; the incident is with people.',
    );
    throw error;
  }

  async function finish(...end: Parameters<Chronicle['end']>): Promise<RunResult> {
    await noted;
    await condition(allHandlersFinished);
    return chronicle.end(...end);
  }
}

/** The rules' finding, or the client's where it is to judge and comes in time. */
async function judgement(
  input: RespondInput,
  triage: Triage,
  chronicle: Chronicle,
  heard: Heard,
): Promise<Finding | undefined> {
  if (input.assess === 'rules') return triage.finding;
  const presenceMs = (input.presenceSeconds ?? 60) * 1000;
  const heardIt = chronicle.waitsFor('the finding', Date.now() + presenceMs);
  await condition(() => heard.finding !== undefined, presenceMs, { summary: 'wait for the finding' });
  heardIt();
  return heard.finding;
}

/** Takes Updates, each only where the run's agent signed it. */
function listen({ account, incident }: RespondInput, chronicle: Chronicle, heard: Heard): void {
  const { urgent } = activitiesOf(account);
  async function admitted<Name extends keyof RespondUpdates>(
    update: Name,
    said: Signed<RespondUpdates[Name]>,
  ): Promise<string> {
    const heardAt = Date.now();
    const word = await perform(urgent.admit, {
      step: `Check who says ${update} at ${new Date(heardAt).toISOString()}`,
      update,
      value: said.value,
      statement: said.statement,
      heardAt,
    });
    if (!word.ok) throw ApplicationFailure.nonRetryable(word.sentence, 'PermissionDenied');
    chronicle.say(word.sentence);
    return word.sentence;
  }
  setHandler(
    giveFinding,
    async (said) => {
      const sentence = await admitted('giveFinding', said);
      heard.finding ??= said.value;
      return sentence;
    },
    {
      description: 'What the agent found: { value: { class, summary, evidence }, statement }',
      validator: (said) => {
        checkSigned(said);
        checkFinding(said.value);
        if (heard.finding) throw new Error('This run has its finding already.');
      },
    },
  );
  setHandler(
    conclude,
    async (said) => {
      const sentence = await admitted('conclude', said);
      heard.conclusion ??= said.value;
      return sentence;
    },
    {
      description: 'The incident is over: { value: { resolution }, statement }',
      validator: (said) => {
        checkSigned(said);
        const { resolution } = said.value;
        if (typeof resolution !== 'string' || resolution.trim() === '' || resolution.length > 25_000) {
          throw new Error(
            'A conclusion says in `resolution`, in 1 to 25,000 characters, how the incident ended.',
          );
        }
        if (heard.conclusion) throw new Error('This run has its conclusion already.');
      },
    },
  );
  setHandler(
    handBack,
    () => {
      heard.handBack = true;
      chronicle.say(`Someone asked that ${incident} go back to people.`);
      return 'It goes back to people now.';
    },
    { description: 'Give the incident back to people now' },
  );
}

function checkSigned(said: Signed<object> | undefined): void {
  if (typeof said?.statement !== 'string' || typeof said.value !== 'object' || said.value === null) {
    throw new Error('Send { value, statement }: the statement is signed by the agent of this run.');
  }
}

/** Refuses what is no finding before anything of it is written. */
function checkFinding({ class: kind, summary, evidence }: Partial<Finding>): void {
  if (!findingClasses.some((known) => known === kind)) {
    throw new Error(`A finding is one of ${findingClasses.join(', ')}.`);
  }
  if (typeof summary !== 'string' || summary.trim() === '' || summary.length > 5_000) {
    throw new Error('A finding has a summary of 1 to 5,000 characters.');
  }
  if (!Array.isArray(evidence?.alerts) || !Array.isArray(evidence.similar)) {
    throw new Error('A finding has its evidence: { alerts: [ids], similar: [incident numbers] }.');
  }
}

/** Writes the run's one note. Says whether it stands; a note that could not be written stops nothing. */
async function note(
  input: RespondInput,
  chronicle: Chronicle,
  desk: Desk,
  triage: Triage,
  last: string,
): Promise<boolean> {
  const { account, incident: id } = input;
  const { write } = activitiesOf(account);
  const { finding, missing } = triage;
  const { alerts, similar } = finding.evidence;
  const content = [
    `${describe(triage)}`,
    ...(alerts.length === 0 ? [] : [`Alerts: ${alerts.slice(0, 20).join(', ')}`]),
    ...(similar.length === 0
      ? []
      : [
          `Similar: ${similar
            .slice(0, 10)
            .map((number) => `#${number}`)
            .join(', ')}`,
        ]),
    ...missing,
    last,
  ].join('\n');
  const added = await desk.ask<'createIncidentNote'>((statements) =>
    perform(write.createIncidentNote, {
      step: `Note the finding on ${id}`,
      request: { params: { id }, body: { note: { content } } },
      statements,
    }),
  );
  if (added.ok) chronicle.changed(`Incident #${triage.incident.incident_number} has the finding as a note.`);
  else chronicle.notChanged(`note on ${id}`, added.sentence);
  return added.ok;
}
