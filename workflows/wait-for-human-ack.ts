import { condition, isCancellation } from '@temporalio/workflow';
import type { CallResult } from '../activities/index.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import { type Desk, deskOf, type Refused } from './approvals.ts';
import { attempt, type Failed, knownOf, outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import type { WaitInput, WaitResult } from './contract.ts';
import { type People, peopleOf } from './people.ts';
import { activitiesOf, perform } from './proxies.ts';
import { acknowledgersOf, assigneesOf, namesOf } from './state.ts';

/** How long a level has, and how many levels are climbed, where the input does not say. */
const defaults = { levelSeconds: 300, mostLevels: 3 };

/** Beside the webhooks the incident is read so often, so that a lost one costs a minute. */
const pollMs = 60_000;

/** A level that was paged. */
type Level = NonNullable<WaitResult['levels']>[number];

interface Waiting {
  readonly input: WaitInput;
  readonly chronicle: Chronicle;
  readonly people: People;
  readonly desk: Desk;
  readonly levels: Level[];
}

/**
 * Pages people for an incident and waits until one of them acknowledges it: opens it where it is not there, gives each level its
 * time, climbs, and at the end turns to the fallback. Our own users are nobody here, and the incident is never given to them.
 */
export async function waitForHumanAck(input: WaitInput): Promise<WaitResult> {
  const { account, incident: given } = input;
  const chronicle = chronicleOf(input);
  const people = peopleOf({ account, incident: given }, chronicle);
  const desk = deskOf(input, chronicle, people);
  const run: Waiting = { input, chronicle, people, desk, levels: [] };
  const first = given === undefined ? await open(run) : await read(run, given, 0);
  if (!first.ok) {
    chronicle.notChanged(given === undefined ? 'open the incident' : `wait for ${given}`, first.sentence);
    return chronicle.end(outcomeOf[first.kind], first.sentence, knownOf(first));
  }
  const { id } = first.incident;
  chronicle.isAbout(id);
  chronicle.concerns(first.incident.service?.id);
  try {
    return { ...(await climb(run, first.incident)), incident: id, levels: run.levels };
  } catch (error) {
    if (isCancellation(error))
      chronicle.end('yielded_to_human', `Cancelled; PagerDuty goes on paging for ${id}.`);
    throw error;
  }
}

type Read =
  | { readonly ok: true; readonly incident: Incident; readonly ourUsers: readonly string[] }
  | NotRead;
type NotRead = Exclude<CallResult<'getIncident'>, { ok: true }> | Failed | Refused;

async function open({ input, chronicle, desk, people }: Waiting): Promise<Read> {
  const { urgent } = activitiesOf(input.account);
  const { service = '', title = '', details, urgency } = input.open ?? {};
  const opened = await desk.ask<'createIncident'>((words) =>
    perform(urgent.createIncident, {
      step: `Open an incident on ${service}`,
      request: {
        body: {
          incident: {
            type: 'incident',
            title,
            service: { id: service, type: 'service_reference' },
            ...(urgency && { urgency }),
            ...(details !== undefined && { body: { type: 'incident_body', details } }),
          },
        },
      },
      ours: true,
      ...words,
    }),
  );
  if (!opened.ok) return opened;
  chronicle.actsAs(opened.agent);
  const { incident } = opened.response;
  people.saw(incident);
  const paged = namesOf((incident.assignments ?? []).map(({ assignee }) => assignee)) || 'nobody';
  chronicle.changed(`Incident #${incident.incident_number} (${incident.id}) is open and pages ${paged}.`);
  return { ok: true, incident, ourUsers: opened.ourUsers ?? [] };
}

async function read({ input, people }: Waiting, id: string, time: number): Promise<Read> {
  const { urgent } = activitiesOf(input.account);
  const result = await attempt(
    perform(urgent.getIncident, { step: `Read ${id}, ${time}`, request: { params: { id } }, ours: true }),
  );
  if (!result.ok) return result;
  people.saw(result.response.incident);
  return { ok: true, incident: result.response.incident, ourUsers: result.ourUsers ?? [] };
}

/** Level after level, until a person answers or nobody is left to page. */
async function climb(run: Waiting, first: Incident): Promise<WaitResult> {
  const { input, chronicle, people, levels } = run;
  const { levelSeconds = defaults.levelSeconds, mostLevels = defaults.mostLevels } = input;
  const started = Date.now();
  let incident = first;
  let level = 1;
  let isLast = false;
  let times = 0;
  let readsFirst = false;
  for (;;) {
    const from = Date.now();
    const until = from + levelSeconds * 1000;
    const paged = (incident.assignments ?? []).map(({ assignee }) => assignee);
    const over = chronicle.waitsFor(`${namesOf(paged) || 'somebody'} to acknowledge it`, until);
    let climbed = false;
    while (!climbed && Date.now() < until) {
      const wakes = people.wakes();
      const rest = Math.max(1, Math.min(pollMs, until - Date.now()));
      const isHeard = (): boolean => people.wakes() > wakes || people.ending() !== undefined;
      if (!readsFirst) await condition(isHeard, rest, { summary: `level ${level}` });
      readsFirst = false;
      if (people.ending()) {
        over();
        return chronicle.end(
          'yielded_to_human',
          `${people.ending()?.sentence}; PagerDuty goes on paging for #${incident.incident_number}.`,
          { verified: true },
        );
      }
      times += 1;
      const now = await read(run, incident.id, times);
      if (!now.ok) {
        // What cannot be read now may be read in a minute: the level's time goes on.
        chronicle.say(now.sentence);
        continue;
      }
      const answer = answerIn(now);
      if (answer) {
        over();
        levels.push(levelOf(level, paged, from));
        return ended(run, now.incident, answer, started);
      }
      if (!sameSet(assigneesOf(now.incident), assigneesOf(incident))) {
        chronicle.say(
          `It pages ${namesOf((now.incident.assignments ?? []).map(({ assignee }) => assignee))} now.`,
        );
        incident = now.incident;
        climbed = true;
      }
    }
    over();
    levels.push(levelOf(level, paged, from));
    if (climbed) {
      // PagerDuty's own time was up first, or a person escalated: that is the next level already.
      level += 1;
      continue;
    }
    if (isLast) break;
    const next = level < mostLevels ? await escalate(run, incident, level + 1) : undefined;
    const turned = next ?? (await turnTo(run, incident));
    if (!turned) break;
    if (turned === 'changed') {
      // Somebody acted at the last moment: look before anyone else is paged.
      levels.pop();
      readsFirst = true;
      continue;
    }
    isLast = next === undefined;
    level += 1;
    incident = turned;
  }
  const summary = `Nobody acknowledged #${incident.incident_number} within ${minutes(Date.now() - started)}: ${told(levels)}.`;
  return chronicle.end('failed', summary, {
    verified: true,
    next: [`Call somebody about #${incident.incident_number} now.`],
  });
}

/** Who answered, where somebody did: a person's acknowledge, or the end of it. */
function answerIn({ incident, ourUsers }: Extract<Read, { ok: true }>): string | undefined {
  if (incident.status === 'resolved')
    return `${incident.last_status_change_by?.summary ?? 'Somebody'} resolved it`;
  const person = (incident.acknowledgements ?? []).find(
    ({ acknowledger }) =>
      acknowledgersOf(incident).includes(acknowledger.id) && !ourUsers.includes(acknowledger.id),
  );
  return person && `${person.acknowledger.summary ?? person.acknowledger.id} acknowledged it`;
}

function ended(
  { chronicle, levels }: Waiting,
  incident: Incident,
  answer: string,
  started: number,
): WaitResult {
  const before = levels.slice(0, -1);
  const level = levels.at(-1)?.level ?? 1;
  const earlier = before.length === 0 ? '' : ` (${told(before)})`;
  const summary = `#${incident.incident_number}: ${answer} at level ${level} after ${minutes(Date.now() - started)}${earlier}.`;
  const [name] = answer.split(' acknowledged it');
  return {
    ...chronicle.end('done', summary, { verified: true }),
    ...(answer.endsWith('acknowledged it') && name !== undefined && { acknowledgedBy: name }),
  };
}

const levelOf = (
  level: number,
  paged: readonly { readonly id: string; readonly summary?: string | null | undefined }[],
  from: number,
): Level => ({
  level,
  paged: paged.map(({ id, summary }) => summary ?? id),
  seconds: Math.round((Date.now() - from) / 1000),
});

const told = (levels: readonly Level[]): string =>
  levels
    .map(
      ({ level, paged, seconds }) =>
        `level ${level}: ${paged.join(', ') || 'nobody'}, no answer for ${minutes(seconds * 1000)}`,
    )
    .join('; ');

const minutes = (ms: number): string =>
  ms < 60_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;

/** Pages a level of the incident's policy; `undefined` where there is none, nobody is on call there, or it may not be. */
async function escalate(
  { input, chronicle, desk, people }: Waiting,
  incident: Incident,
  level: number,
): Promise<Incident | 'changed' | undefined> {
  const { urgent } = activitiesOf(input.account);
  const { id } = incident;
  const done = await desk.ask<'updateIncident'>(
    (words) =>
      perform(urgent.updateIncident, {
        step: `Escalate ${id} to level ${level}`,
        request: {
          params: { id },
          body: { incident: { type: 'incident_reference', escalation_level: level } },
        },
        expect: { status: 'triggered', assignees: assigneesOf(incident) },
        ...words,
      }),
    { incident },
  );
  if (done.ok) {
    people.saw(done.response.incident);
    chronicle.changed(`Level ${level} is paged for #${incident.incident_number}.`);
    return done.response.incident;
  }
  if (done.kind === 'Changed') return 'changed';
  chronicle.notChanged(`page level ${level}`, done.sentence);
  return undefined;
}

/** The last resort: another policy, one person, or one more incident on another service. */
async function turnTo(
  { input, chronicle, desk, people }: Waiting,
  incident: Incident,
): Promise<Incident | 'changed' | undefined> {
  const { urgent } = activitiesOf(input.account);
  const { fallback } = input;
  if (!fallback) return undefined;
  const { id } = incident;
  if (fallback.service !== undefined) {
    const { service } = fallback;
    const opened = await desk.ask<'createIncident'>((words) =>
      perform(urgent.createIncident, {
        step: `Open an incident on ${service} for ${id}`,
        request: {
          body: {
            incident: {
              type: 'incident',
              title: `Nobody answers for #${incident.incident_number}: ${incident.title ?? ''}`.slice(
                0,
                1_024,
              ),
              service: { id: service, type: 'service_reference' },
              urgency: 'high',
            },
          },
        },
        ...words,
      }),
    );
    if (opened.ok) {
      chronicle.changed(`Incident #${opened.response.incident.incident_number} pages for it on ${service}.`);
      return incident;
    }
    chronicle.notChanged(`open an incident on ${service}`, opened.sentence);
    return undefined;
  }
  const { policy, user } = fallback;
  const handed = await desk.ask<'updateIncident'>(
    (words) =>
      perform(urgent.updateIncident, {
        step: `Hand ${id} to ${policy ?? user}`,
        request: {
          params: { id },
          body: {
            incident: {
              type: 'incident_reference',
              ...(policy !== undefined && {
                escalation_policy: { id: policy, type: 'escalation_policy_reference' },
              }),
              ...(user !== undefined && {
                assignments: [{ assignee: { id: user, type: 'user_reference' } }],
              }),
            },
          },
        },
        expect: { status: 'triggered' },
        ...words,
      }),
    { incident },
  );
  if (!handed.ok && handed.kind === 'Changed') return 'changed';
  if (!handed.ok) {
    chronicle.notChanged(`turn to ${policy ?? user}`, handed.sentence);
    return undefined;
  }
  people.saw(handed.response.incident);
  chronicle.changed(`Incident #${incident.incident_number} is handed to ${policy ?? user}.`);
  return handed.response.incident;
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value) => b.includes(value));
