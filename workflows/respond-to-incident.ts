import { allHandlersFinished, condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import { admitted, agentUpdatesOf } from './agent-updates.ts';
import { type Desk, deskOf } from './approvals.ts';
import { attempt, knownOf, outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf, clock } from './chronicle.ts';
import {
  type Conclusion,
  type Finding,
  findingClasses,
  type RespondInput,
  type RunResult,
} from './contract.ts';
import { acknowledge, type Held, type NotHeld, stepBack } from './hold.ts';
import { type NoteBook, noteBook } from './notes.ts';
import { type Came, type People, peopleOf } from './people.ts';
import { agentOn } from './proxies.ts';
import { giveBack } from './release-incident.ts';
import { type Resolution, resolve } from './resolve-incident.ts';
import { describe, look, type Triage } from './triage-incident.ts';
import { watchForReopening } from './watch-reopened.ts';

/** What the agent has said so far. */
interface Heard {
  finding?: Finding;
  conclusion?: Conclusion;
}

/** A run under way: what all of its parts work with. */
interface Response {
  readonly input: RespondInput;
  readonly chronicle: Chronicle;
  readonly people: People;
  readonly desk: Desk;
  readonly notes: NoteBook;
  readonly heard: Heard;
  /** Whether an acknowledge was begun: then there may be something to give back, whatever is known of it. */
  mayHold: boolean;
}

/**
 * Responds to one incident from look to resolve: reads it, judges it, acknowledges it under a lease, notes the finding, waits
 * for the conclusion, resolves it and reads it back. When a person acts on it, the run steps back. Whatever happens on the
 * way, an incident it acknowledged and did not resolve goes back to people.
 */
export async function respondToIncident(input: RespondInput): Promise<RunResult> {
  const chronicle = chronicleOf(input);
  const heard: Heard = {};
  const people = peopleOf(input, chronicle);
  const desk = deskOf(input, chronicle, people);
  const run: Response = {
    input,
    chronicle,
    people,
    desk,
    notes: noteBook(input, chronicle, { desk, people }),
    heard,
    mayHold: false,
  };
  listen(run);

  const triage = await look(input, chronicle);
  if (!triage.ok) {
    chronicle.notChanged(`respond to ${input.incident}`, triage.sentence);
    return chronicle.end(outcomeOf[triage.kind], triage.sentence, knownOf(triage));
  }
  const { incident } = triage;
  if (incident.status !== 'triggered') {
    const summary = `Incident #${incident.incident_number} is ${incident.status} already; people or another run have it.`;
    return chronicle.end('nothing_to_do', summary, { verified: true });
  }
  people.follow(incident, triage.notes);
  let held: Held | undefined;
  try {
    const took = await people.during(() => take(run, triage));
    if (took.end !== 'done') return await leave(run, triage, took, undefined);
    if (!took.value.held) return await leftToPeople(run, took.value);
    ({ held } = took.value);
    return await work(run, took.value.triage, held);
  } catch (error) {
    // Cancelled, or something that no step foresaw: people first, then the failure.
    people.leave();
    await giveBack({ ...subjectOf(input), reason: 'the run that held it ended early' });
    chronicle.end(
      isCancellation(error) ? 'yielded_to_human' : 'failed',
      'Ended early; the incident is with people.',
    );
    throw error;
  }
}

/** The children of a run act on its authority: only the subject is handed on. */
const subjectOf = ({ account, incident }: RespondInput) => ({ account, incident });

/** What judging and taking came to. */
type Taken = { readonly triage: Triage } & (
  | { readonly held: Held }
  | {
      readonly held?: undefined;
      readonly notHeld?: NotHeld;
      readonly why: string;
      readonly isJudged: boolean;
    }
);

/** Judges the incident, and acknowledges it where the finding and the gate let it. */
async function take(run: Response, looked: Triage): Promise<Taken> {
  const { input, chronicle, desk, notes, people } = run;
  const finding = await judgement(run, looked);
  if (!finding) {
    const whose = input.assess === 'agent' ? looked.agent : 'the client that started the run';
    const why = `no finding came from ${whose}, so PagerDuty keeps paging`;
    chronicle.notChanged(`acknowledge ${looked.incident.id}`, why);
    return { triage: looked, why, isJudged: false };
  }
  const triage = { ...looked, finding };
  if (finding.class === 'unclear') {
    const why = 'the finding is unclear, so PagerDuty keeps paging';
    chronicle.notChanged(`acknowledge ${looked.incident.id}`, why);
    return { triage, why, isJudged: true };
  }
  const { incident } = triage;
  run.mayHold = true;
  const held = await acknowledge(input, chronicle, desk, {
    incident,
    people,
    asked: (pending) => notes.ask(pending.anew === undefined ? findingLines(triage) : [], pending, incident),
  });
  return held.ok ? { triage, held } : { triage, notHeld: held, why: held.sentence, isJudged: true };
}

/** Not taken: the finding stands as a note, and PagerDuty keeps paging. */
async function leftToPeople(
  { input, chronicle, notes, people }: Response,
  { triage, notHeld, why, isJudged }: Extract<Taken, { readonly why: string }>,
): Promise<RunResult> {
  const { incident_number: number } = triage.incident;
  // Where people were asked for their word, they have the finding already.
  const isTold = notes.left() < 2;
  const noted =
    isJudged &&
    !isTold &&
    (await notes.write('the finding', [
      ...findingLines(triage),
      `Not acknowledged by ${triage.agent}: ${why}`,
    ]));
  people.leave();
  if (!isJudged)
    return chronicle.end('partly', `Incident #${number} was left to people: ${why}.`, { verified: true });
  const outcome = noted || !notHeld ? 'partly' : notHeld.outcome;
  const isDecided = notHeld?.outcome === 'approval_refused' || notHeld?.outcome === 'yielded_to_human';
  return chronicle.end(isDecided ? notHeld.outcome : outcome, `${describe(triage)} ${why}`, {
    verified: true,
    next: [`Someone on call has #${number}; ${input.account} keeps paging.`],
  });
}

/** From the acknowledge to the end. Every way out that did not resolve gives the incident back. */
async function work(run: Response, triage: Triage, held: Held): Promise<RunResult> {
  const { input, chronicle, people, notes, heard } = run;
  // Nothing waits for an operator beyond the lease.
  const desk = run.desk.until(held.until);
  const isTold = notes.left() < 2;
  // Written beside the waiting: a note that takes long keeps neither the conclusion nor the end of the lease.
  const noted = isTold
    ? Promise.resolve(true)
    : notes.write(
        'the finding',
        [
          ...findingLines(triage),
          `${triage.agent} holds it until ${clock(held.until)}; then it goes back to people.`,
          'Answer with a note: “stop” (give it back now), “mine” (I take it).',
        ],
        held.until,
      );
  noted.catch(() => {});
  const came = await people.during(async (): Promise<Resolution> => {
    // Ends with what it stands beside: cancelled when the incident is resolved or given back.
    if (input.assess === 'agent') attend(run, triage, held.until).catch(() => {});
    const heardAll = chronicle.waitsFor('the conclusion', held.until);
    await condition(() => heard.conclusion !== undefined);
    heardAll();
    const resolution = heard.conclusion?.resolution ?? '';
    return resolve({ ...input, resolution }, { seen: held.incident, people, isHeld: true }, chronicle, desk, {
      incident: held.incident,
      asked: (pending) => notes.ask([`${triage.agent} has concluded: ${resolution}`], pending, held.incident),
    });
  }, held.until);
  // A word that was waited for until the lease ended: the end of the lease it is, whichever timer came first.
  const isLapsed =
    came.end === 'done' && came.value.outcome === 'approval_refused' && Date.now() >= held.until;
  if (came.end !== 'done') return leave(run, triage, came, held.until, noted);
  if (isLapsed) return leave(run, triage, { end: 'lease' }, held.until, noted);
  const { outcome, sentence, verified } = came.value;
  const resolution = heard.conclusion?.resolution ?? '';
  if (outcome === 'done' || outcome === 'partly') {
    await finished(run, noted);
    if (outcome === 'done') await watchForReopening(input, { agent: triage.agent, notesLeft: notes.left() });
    return chronicle.end(outcome, `${sentence} ${resolution}`, { verified });
  }
  const back = await giveBack({ ...subjectOf(input), reason: 'it could not be resolved' });
  await finished(run, noted);
  return chronicle.end(outcome, `${sentence} ${back.summary}`, {
    verified: back.verified,
    next: [`Resolve #${triage.incident.incident_number} by hand if it is over: ${resolution}`],
  });
}

/** Steps back: what was held goes back, and what was found stands as one note. */
async function leave(
  run: Response,
  triage: Triage,
  came: Exclude<Came<unknown>, { end: 'done' }>,
  until: number | undefined,
  noted: Promise<boolean> = Promise.resolve(false),
): Promise<RunResult> {
  const { input, chronicle, notes } = run;
  const end = await stepBack(input, came, { until, mayHold: run.mayHold });
  // Nothing was noted yet and no write was under way: then people have the finding as the run's one note.
  if (notes.left() === 2 && came.end === 'people' && came.ending.by === 'person')
    await notes.write('the finding', [
      ...findingLines(triage),
      `${triage.agent} has stepped back: ${came.ending.sentence}.`,
    ]);
  await finished(run, noted);
  const { outcome, summary, ...rest } = end;
  return chronicle.end(outcome, `Incident #${triage.incident.incident_number}: ${summary}`, rest);
}

async function finished({ people }: Response, noted: Promise<boolean>): Promise<void> {
  people.leave();
  await noted;
  await condition(allHandlersFinished);
}

/** The rules' finding; or the agent's or the client's, where it is to judge and comes in time. */
async function judgement(run: Response, triage: Triage): Promise<Finding | undefined> {
  const { input, chronicle, heard } = run;
  if (input.assess === 'rules') return triage.finding;
  if (input.assess === 'agent') return askAgent(run, triage);
  const presenceMs = presenceOf(input);
  const heardIt = chronicle.waitsFor('the finding', Date.now() + presenceMs);
  await condition(() => heard.finding !== undefined, presenceMs, { summary: 'wait for the finding' });
  heardIt();
  return heard.finding;
}

const presenceOf = ({ presenceSeconds = 60 }: RespondInput): number => presenceSeconds * 1000;

/** Wakes the run's agent and has it judge. Nobody who takes the work in time, or nothing it signed: no finding. */
async function askAgent(
  { input, chronicle }: Response,
  { agent, brief }: Triage,
): Promise<Finding | undefined> {
  const presenceMs = presenceOf(input);
  const { assess } = agentOn(agent, { presenceMs, thinkMs: (input.thinkSeconds ?? 300) * 1000 });
  const over = chronicle.waitsFor(`${agent} to judge it`, Date.now() + presenceMs);
  const { workflowId } = workflowInfo();
  const said = await attempt(
    assess.executeWithOptions({ summary: `${agent} judges ${input.incident}` }, [{ workflowId, brief }]),
  );
  over();
  if ('ok' in said) {
    chronicle.say(`${agent} gave no finding: ${said.sentence}`);
    return undefined;
  }
  try {
    checkFinding(said.value);
    await admitted(input, chronicle, 'giveFinding', said);
    return said.value;
  } catch (error) {
    if (isCancellation(error)) throw error;
    chronicle.say(
      `What came as the finding of ${agent} is none: ${error instanceof Error ? error.message : ''}`,
    );
    return undefined;
  }
}

/** Has the agent stay with an incident that is held. When it is lost, or gives up, the incident goes back at once. */
async function attend(run: Response, triage: Triage, until: number): Promise<void> {
  const { input, chronicle, people, heard } = run;
  const { agent, brief, finding } = triage;
  const rest = Math.max(1_000, until - Date.now());
  const { attend: stay } = agentOn(agent, { presenceMs: Math.min(presenceOf(input), rest), thinkMs: rest });
  const { workflowId } = workflowInfo();
  const came = await attempt(
    stay.executeWithOptions({ summary: `${agent} works on ${input.incident}` }, [
      { workflowId, brief, finding, until },
    ]),
  );
  if (came === null) return people.end({ by: 'request', sentence: `${agent} gave it up` });
  if ('ok' in came) return people.end({ by: 'request', sentence: `${agent} is gone (${came.sentence})` });
  try {
    checkConclusion(came.value);
    await admitted(input, chronicle, 'conclude', came);
    heard.conclusion ??= came.value;
  } catch (error) {
    if (isCancellation(error)) throw error;
    people.end({ by: 'request', sentence: `what came as the conclusion of ${agent} is none` });
  }
}

/** What was found and on what it rests, for a note. */
function findingLines(triage: Triage): readonly string[] {
  const { finding, missing } = triage;
  const { alerts, similar } = finding.evidence;
  return [
    describe(triage),
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
  ];
}

/** Takes what the run's agent says. */
function listen({ input, chronicle, heard }: Response): void {
  const on = agentUpdatesOf(input, chronicle);
  on('giveFinding', {
    description: 'What the agent found: { value: { class, summary, evidence }, statement }',
    check: (finding) => {
      checkFinding(finding);
      if (heard.finding) throw new Error('This run has its finding already.');
    },
    take: (finding) => {
      heard.finding ??= finding;
    },
  });
  on('conclude', {
    description: 'The incident is over: { value: { resolution }, statement }',
    check: (conclusion) => {
      checkConclusion(conclusion);
      if (heard.conclusion) throw new Error('This run has its conclusion already.');
    },
    take: (conclusion) => {
      heard.conclusion ??= conclusion;
    },
  });
}

function checkConclusion({ resolution }: Partial<Conclusion>): void {
  if (typeof resolution !== 'string' || resolution.trim() === '' || resolution.length > 25_000)
    throw new Error('A conclusion says in `resolution`, in 1 to 25,000 characters, how the incident ended.');
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
