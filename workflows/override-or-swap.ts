import type { Named, Turns } from '../activities/index.ts';
import type { OnCall } from '../pagerduty/catalogue/oncalls.ts';
import type { User } from '../pagerduty/catalogue/users.ts';
import { type Applied, restOf, type WritePart } from './apply.ts';
import { attempt, outcomeOf, type Undone } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import {
  type Handover,
  type Outcome,
  type OverrideInput,
  type OverrideResult,
  type Plan,
  planIdOf,
} from './contract.ts';
import { type Roster, readRoster } from './cover-policies.ts';
import { type Duty, endOf, type Span, startOf, stretchesOf, withOverride } from './coverage.ts';
import { refusalsIn } from './override-answer.ts';
import { carryOut, type Draft, type NoReads, noReads } from './plan.ts';
import { activitiesOf, perform } from './proxies.ts';
import { duration, spell } from './report.ts';
import { asSaid } from './said.ts';

/** How long people have to agree, in seconds, where the input does not say: nobody is woken to be asked. */
const defaultApprovalSeconds = 86_400;

/** How long one person may be given a duty in one piece before somebody else must agree to that as well. */
const longestMs = 24 * 3_600_000;

/** PagerDuty tells who is on call no further ahead. */
const furthestMs = 90 * 24 * 3_600_000;

/** How many escalation policies are looked at. */
const mostPolicies = 20;

/** A turn that changes hands. */
export interface Turn extends Span {
  readonly on: Pick<Turns, 'id' | 'name' | 'said' | 'policies'>;
  /** Who has it before, in order, and when; `user` null where nobody has. */
  readonly before: Turns['turns'];
  readonly taker: Named;
}

/** What is known before anything is planned. */
export interface OverrideReads {
  readonly turns: readonly Turn[];
  readonly preview: readonly Handover[];
  /** Why somebody who is no taker must say yes as well. */
  readonly guards: readonly string[];
  readonly rosters: readonly Roster[];
}

/** Why there is nothing to plan from, thrown within the reads and caught around them. */
class Stop extends Error {
  readonly why: NoReads;
  constructor(outcome: Outcome, sentence: string, next?: readonly string[]) {
    super(sentence);
    this.why = { outcome, sentence, ...(next && { next }) };
  }
}

/**
 * Somebody takes over a turn of a schedule, or two people swap turns: by overrides, once each person who gets a duty has agreed
 * in person. Shows before who is on call then and now, by every policy that pages by the schedule, and looks afterwards whether
 * it is so. What is there is neither deleted nor laid over.
 */
export async function overrideOrSwap(input: OverrideInput): Promise<OverrideResult> {
  const chronicle = chronicleOf(input);
  let reads: OverrideReads | undefined;
  let stands = false;
  const errand = { ...input, approvalSeconds: input.approvalSeconds ?? defaultApprovalSeconds };
  const result = await carryOut(errand, chronicle, {
    type: 'overrideOrSwap',
    planId: planIdOf('overrideOrSwap', input),
    onTrouble: 'stop',
    rereads: true,
    nothing: 'Nothing is to be changed.',
    read: async () => {
      const found = await readAll(input, chronicle);
      if ('outcome' in found) return found;
      reads = found;
      return () => overriding(found);
    },
    parts: (write, response) => partsOf(reads?.turns ?? [], write, response),
    readBack: async (applied) => {
      const { turns = [], rosters = [] } = reads ?? {};
      stands = await standsAsPlanned(input, chronicle, takenOf(turns, applied), rosters);
      return stands;
    },
    tell: (applied, plan) => tell(reads?.turns ?? [], applied, plan, stands),
    next: (applied) => nextOf(reads?.turns ?? [], applied),
  });
  return reads ? { ...result, preview: reads.preview } : result;
}

async function readAll(input: OverrideInput, chronicle: Chronicle): Promise<OverrideReads | NoReads> {
  try {
    const turns = await turnsOf(input);
    const rosters = await rostersOf(input, turns, chronicle);
    const guards = await guardsOf(input, turns, rosters);
    return { turns, rosters, guards, preview: previewOf(rosters, turns) };
  } catch (error) {
    if (error instanceof Stop) return error.why;
    throw error;
  }
}

/** The step's result. @throws Stop where it was not done. */
async function must<Result extends { readonly ok: true } | ({ readonly ok: false } & Undone)>(
  step: Promise<Result>,
): Promise<Extract<Result, { readonly ok: true }>> {
  const result = await attempt(step);
  if (!result.ok) {
    const { outcome, sentence, next } = noReads(result);
    throw new Stop(outcome, sentence, next);
  }
  return result as Extract<Result, { readonly ok: true }>;
}

/** What is asked for, as PagerDuty has it now. @throws Stop where it is not to be had. */
async function turnsOf(input: OverrideInput): Promise<readonly Turn[]> {
  const { account, schedule, taker: named, back } = input;
  const first = spanOf(input);
  const second = back && spanOf(back);
  for (const { start, end } of second ? [first, second] : [first]) {
    if (end <= Date.now()) throw new Stop('failed', `${spell({ start, end })} is over.`);
    if (end > Date.now() + furthestMs)
      throw new Stop(
        'failed',
        `${spell({ start, end })} is too far ahead: PagerDuty tells who is on call for 90 days.`,
      );
  }
  const taker = await personNamed(account, named);
  const given = await readTurns(account, schedule, first);
  if (!second) {
    if (given.turns.every(({ user }) => user?.id === taker.id))
      throw new Stop('nothing_to_do', `${taker.name} has ${given.name} then already.`);
    return [turnOf(given, first, taker)];
  }
  const owner = soleOf(given);
  const taken = await readTurns(account, back.schedule ?? schedule, second);
  const other = soleOf(taken);
  if (other.id !== taker.id)
    throw new Stop(
      'failed',
      `${taken.said} on ${taken.name} is the turn of ${other.name}, and not of ${taker.name}: ${taker.name} cannot give it in return.`,
    );
  if (owner.id === taker.id)
    throw new Stop(
      'failed',
      `${given.said} on ${given.name} is the turn of ${taker.name} already: there is nothing to swap.`,
    );
  return [turnOf(given, first, taker), turnOf(taken, second, owner)];
}

const spanOf = ({ from, until }: { readonly from: string; readonly until: string }): Span => ({
  start: Date.parse(from),
  end: Date.parse(until),
});

const turnOf = ({ id, name, said, policies, turns }: Turns, span: Span, taker: Named): Turn => ({
  ...span,
  on: { id, name, said, policies },
  before: turns,
  taker,
});

/** Who has all of it. @throws Stop where that is nobody, or are several. */
function soleOf({ turns, said, name }: Turns): Named {
  const [only, ...others] = turns;
  if (only?.user && others.length === 0) return only.user;
  const who = turns.map(({ user, ...span }) => `${user?.name ?? 'nobody'} ${spell(span)}`);
  throw new Stop(
    'failed',
    `A swap is of two turns, each one person's; ${said} on ${name} is ${who.slice(0, 5).join(', ')}.`,
  );
}

/** One person by e-mail address, id or name. @throws Stop where there is none, there are several, or it is the runner's own user. */
async function personNamed(account: string, named: string): Promise<Named> {
  const { look } = activitiesOf(account);
  const step = `Look for ${named}`;
  let found: readonly User[];
  let ours: readonly string[];
  if (/^[A-Z0-9]+$/.test(named)) {
    const { response, ourUsers = [] } = await must(
      perform(look.getUser, { step, request: { params: { id: named } }, ours: true }),
    );
    found = [response.user];
    ours = ourUsers;
  } else {
    const { response, ourUsers = [] } = await must(
      perform(look.listUsers, {
        step,
        request: { query: { query: named, limit: 100 } },
        keep: ['id', 'name', 'email'],
        ours: true,
      }),
    );
    const wanted = named.toLowerCase();
    found = response.users.filter(({ name, email }) =>
      [name, email].some((one) => one?.toLowerCase() === wanted),
    );
    ours = ourUsers;
  }
  const [user, ...others] = found;
  if (!user) throw new Stop('failed', `PagerDuty has no user ${named}.`);
  if (others.length > 0)
    throw new Stop('failed', `${found.length} people are called ${named}: name one by e-mail address.`);
  if (ours.includes(user.id))
    throw new Stop('failed', `${asSaid(user.name, user.id)} is the runner's own user: nobody would answer.`);
  return { id: user.id, name: asSaid(user.name, user.id) };
}

/** @throws Stop where the schedule is not to be read, is shift-based, or has an override in that time already. */
async function readTurns(account: string, schedule: string, span: Span): Promise<Turns> {
  const { look } = activitiesOf(account);
  const step = `Read who has ${schedule} ${spell(span)}`;
  const read = await attempt(perform(look.readTurns, { step, schedule, span }));
  if (!read.ok) {
    const { outcome, sentence, next } = noReads(read);
    if (!('type' in read) || read.type !== 'InvalidRequest') throw new Stop(outcome, sentence, next);
    const name = await shiftBasedName(account, schedule, span);
    throw name === undefined
      ? new Stop(outcome, sentence, next)
      : new Stop('failed', `${name} has moved to PagerDuty's shift-based kind, which is left alone here.`, [
          `Make the override of ${name} in PagerDuty.`,
        ]);
  }
  const [standing] = read.overrides;
  if (standing)
    throw new Stop(
      'failed',
      `${standing.user?.name ?? 'Somebody'} has an override on ${read.name} ${spell(standing)} already, and a second one would hide it.`,
      ['Take that override back in PagerDuty, or name a time beside it.'],
    );
  return read;
}

/** What a schedule is called that version 2 of PagerDuty's REST does not show; `undefined` where that is not the reason. */
async function shiftBasedName(account: string, schedule: string, span: Span): Promise<string | undefined> {
  const { look } = activitiesOf(account);
  const oncalls = await attempt(
    perform(look.listOnCalls, {
      step: `Look what kind ${schedule} is of`,
      request: { query: { ...queryOf(span), 'schedule_ids[]': [schedule], limit: 1 } },
      keep: ['schedule'],
    }),
  );
  const found = oncalls.ok ? oncalls.response.oncalls[0]?.schedule : undefined;
  return found?.type?.startsWith('schedule_v3') ? asSaid(found.summary, found.id) : undefined;
}

const queryOf = ({ start, end }: Span) => ({
  since: new Date(start).toISOString(),
  until: new Date(end).toISOString(),
});

/** Everyone who is on call by the policies that page by the schedules, from the first turn's begin to the last one's end. */
async function rostersOf(
  { account }: OverrideInput,
  turns: readonly Turn[],
  chronicle: Chronicle,
): Promise<readonly Roster[]> {
  const rosters: Roster[] = [];
  for (const { id } of policiesOf(turns).slice(0, mostPolicies)) {
    const roster = await readRoster({ account, span: wholeOf(turns) }, id, chronicle);
    if (!roster.ok) throw new Stop(outcomeOf[roster.kind], `Nothing was written: ${roster.missing}`);
    rosters.push(roster);
  }
  return rosters;
}

const policiesOf = (turns: readonly Turn[]): readonly Named[] => [
  ...new Map(turns.flatMap(({ on }) => on.policies).map((policy) => [policy.id, policy])).values(),
];

const wholeOf = (turns: readonly Turn[]): Span => ({
  start: Math.min(...turns.map(({ start }) => start)),
  end: Math.max(...turns.map(({ end }) => end)),
});

/** Who is on call by a policy once the turns have changed hands. */
export const afterOf = (
  { outline, duties }: Pick<Roster, 'outline' | 'duties'>,
  turns: readonly Turn[],
): readonly Duty[] =>
  turns.reduce<readonly Duty[]>((all, { on, taker, start, end }) => {
    const levels = outline.levels.flatMap(({ rotas }, index) =>
      rotas.some(({ id }) => id === on.id) ? [index + 1] : [],
    );
    return withOverride(all, { schedule: on.id, user: taker.id, start, end }, levels);
  }, duties);

/** When a level reaches other people by the second duties than by the first. */
export function differencesOf(
  before: readonly Duty[],
  after: readonly Duty[],
  span: Span,
): readonly (Span & {
  readonly level: number;
  readonly was: readonly string[];
  readonly is: readonly string[];
})[] {
  const cells = stretchesOf([...before, ...after], span);
  const levels = [...new Set([...before, ...after].map(({ level }) => level))].toSorted((a, b) => a - b);
  const at = (duties: readonly Duty[], level: number, instant: number): readonly string[] =>
    [
      ...new Set(
        duties
          .filter((duty) => duty.level === level && startOf(duty) <= instant && endOf(duty) > instant)
          .map(({ user }) => user),
      ),
    ].toSorted();
  return levels.flatMap((level) => {
    const found: {
      level: number;
      start: number;
      end: number;
      was: readonly string[];
      is: readonly string[];
    }[] = [];
    for (const { start, end } of cells) {
      const [was, is] = [at(before, level, start), at(after, level, start)];
      if (was.join() === is.join()) continue;
      const last = found.at(-1);
      if (last?.end === start && last.was.join() === was.join() && last.is.join() === is.join())
        last.end = end;
      else found.push({ level, start, end, was, is });
    }
    return found;
  });
}

function previewOf(rosters: readonly Roster[], turns: readonly Turn[]): readonly Handover[] {
  const names = new Map([
    ...rosters.flatMap(({ people }) => people.map(({ id, name }) => [id, name] as const)),
    ...turns.map(({ taker }) => [taker.id, taker.name] as const),
  ]);
  const namesOf = (ids: readonly string[]): readonly string[] => ids.map((id) => names.get(id) ?? id);
  return rosters.flatMap((roster) =>
    differencesOf(roster.duties, afterOf(roster, turns), wholeOf(turns)).map(
      ({ level, start, end, was, is }) => ({
        policy: roster.outline.name,
        level,
        start: iso(start),
        end: iso(end),
        before: namesOf(was),
        after: namesOf(is),
      }),
    ),
  );
}

/** Why somebody else than the takers must say yes. */
async function guardsOf(
  { account }: OverrideInput,
  turns: readonly Turn[],
  rosters: readonly Roster[],
): Promise<readonly string[]> {
  const guards: string[] = [];
  for (const { taker, start, end } of turns) {
    if (end - start > longestMs) guards.push(`${taker.name} gets ${duration(end - start)} in one piece`);
    const also = await elsewhere(account, taker, { start, end }, turns);
    if (also.length > 0)
      guards.push(`${taker.name} is on call in that time already (${also.slice(0, 5).join(', ')})`);
  }
  const rest = policiesOf(turns).length - rosters.length;
  return [
    ...guards,
    ...rosters.flatMap(({ unseen }) => unseen.map((what) => `the preview lacks ${what}`)),
    ...(rest > 0 ? [`the preview lacks ${rest} more escalation policies`] : []),
  ];
}

/** Where else a person is on call in a span, once the turns have changed hands. */
async function elsewhere(
  account: string,
  person: Named,
  span: Span,
  turns: readonly Turn[],
): Promise<readonly string[]> {
  const { look } = activitiesOf(account);
  const { response } = await must(
    perform(look.listOnCalls, {
      step: `Look where ${person.name} is on call ${spell(span)}`,
      request: { query: { ...queryOf(span), 'user_ids[]': [person.id], limit: 100 } },
      keep: ['escalation_policy', 'escalation_level', 'user', 'schedule', 'start', 'end'],
    }),
  );
  const places = response.oncalls.map((row) => ({ place: placeOf(row), duty: dutyOf(row) }));
  return [
    ...new Set(
      places.flatMap(({ place, duty }) => {
        const left = turns.reduce<readonly Duty[]>(
          (duties, { on, start, end }) => withOverride(duties, { schedule: on.id, user: '', start, end }, []),
          [duty],
        );
        return left.some((one) => startOf(one) < span.end && endOf(one) > span.start) ? [place] : [];
      }),
    ),
  ].toSorted();
}

const placeOf = ({ escalation_policy: policy, escalation_level: level }: OnCall): string =>
  `${asSaid(policy.summary, policy.id)} level ${level}`;

const dutyOf = ({ escalation_level: level, user, schedule, start, end }: OnCall): Duty => ({
  level,
  user: user.id,
  ...(schedule && { schedule: schedule.id }),
  start: typeof start === 'string' ? Date.parse(start) : null,
  end: typeof end === 'string' ? Date.parse(end) : null,
});

/** The plan: pure, and the same for the same reads. Overrides of one schedule go in one request, so that both halves of a swap stand or fall together. */
export function overriding({ turns, preview, guards }: OverrideReads): Draft {
  const isSwap = turns.length > 1;
  const takers = turns.map(({ taker }) => ({ user: taker.id, name: taker.name, as: 'taker' as const }));
  const owners = isSwap
    ? []
    : ownersOf(turns).map(({ id, name }) => ({ user: id, name, as: 'owner' as const }));
  const schedules = [...new Set(turns.map(({ on }) => on.id))];
  return {
    writes: schedules.map((id) => {
      const own = turns.filter(({ on }) => on.id === id);
      return {
        step: `Override ${id}`,
        operation: 'createScheduleOverride' as const,
        request: {
          params: { id },
          body: {
            overrides: own.map(({ start, end, taker }) => ({
              start: iso(start),
              end: iso(end),
              user: { id: taker.id, type: 'user_reference' },
            })),
          },
        },
        seen: [],
        turns: own.map(({ start, end, before }) => ({
          start,
          end,
          turns: before.map((turn) => ({ start: turn.start, end: turn.end, user: turn.user?.id ?? null })),
        })),
        effect: own.map(effectOf).join(' '),
        pages: [],
      };
    }),
    guards,
    concerned: [...takers, ...owners],
    basis: [
      ...turns.map(
        ({ on, before }) =>
          `${on.name} (${on.id}), ${on.said}: ${before.map(({ user, ...span }) => `${user?.name ?? 'nobody'} ${spell(span)}`).join(', ')}`,
      ),
      ...policiesOf(turns).map(({ name, id }) => `pages by it: ${name} (${id})`),
      ...preview.map(
        ({ policy, level, start, end, before, after }) =>
          `${policy} level ${level}, ${spell({ start: Date.parse(start), end: Date.parse(end) })}: ${before.join(', ') || 'nobody'}, afterwards ${after.join(', ') || 'nobody'}`,
      ),
    ],
  };
}

/** Who loses a turn, or a part of it. */
const ownersOf = (turns: readonly Turn[]): readonly Named[] => [
  ...new Map(
    turns.flatMap(({ before, taker }) =>
      before.flatMap(({ user }) => (user && user.id !== taker.id ? [[user.id, user] as const] : [])),
    ),
  ).values(),
];

const effectOf = (turn: Turn): string => {
  const owners = ownersOf([turn]).map(({ name }) => name);
  return `${turn.on.said} on ${turn.on.name}: ${turn.taker.name} for ${owners.join(' and ') || 'nobody'}.`;
};

type Written = Parameters<NonNullable<Parameters<typeof carryOut>[2]['parts']>>[0];

/** The turns that a write is about, in the order of its overrides, and why PagerDuty refused which. */
function cameOf(turns: readonly Turn[], { request }: Written, response: object) {
  const { params } = request as { readonly params: { readonly id: string } };
  const refusals = refusalsIn(response);
  return turns
    .filter(({ on }) => on.id === params.id)
    .map((turn, index) => ({
      turn,
      refused: refusals.length === 0 ? 'PagerDuty does not say that it stands' : refusals[index],
    }));
}

const partsOf = (turns: readonly Turn[], write: Written, response: object): readonly WritePart[] =>
  cameOf(turns, write, response).map(({ turn, refused }) => ({
    effect: effectOf(turn),
    ...(refused !== undefined && { refused: `PagerDuty ${refused}` }),
  }));

const takenOf = (turns: readonly Turn[], { done }: Applied): readonly Turn[] =>
  done.flatMap(({ write, response }) =>
    cameOf(turns, write, response).flatMap(({ turn, refused }) => (refused === undefined ? [turn] : [])),
  );

/** Whether the final schedules, and all who are on call, are what they should be; says what is not. */
async function standsAsPlanned(
  { account }: OverrideInput,
  chronicle: Chronicle,
  taken: readonly Turn[],
  rosters: readonly Roster[],
): Promise<boolean> {
  const { look } = activitiesOf(account);
  const other: string[] = [];
  for (const { on, taker, start, end } of taken) {
    const span = { start, end };
    const step = `Read back who has ${on.id} ${spell(span)}`;
    const read = await attempt(perform(look.readTurns, { step, schedule: on.id, span }));
    if (!read.ok) other.push(`${on.name} could not be read back: ${read.sentence}`);
    else if (read.turns.some(({ user }) => user?.id !== taker.id))
      other.push(`${on.name} does not show ${taker.name} for all of ${on.said}`);
  }
  for (const roster of taken.length > 0 ? rosters : []) {
    const span = wholeOf(taken);
    const now = await readRoster({ account, span }, roster.outline.id, chronicle);
    if (!now.ok) other.push(now.missing);
    else if (differencesOf(afterOf(roster, taken), now.duties, span).length > 0)
      other.push(`${roster.outline.name} reaches others than it should`);
  }
  for (const what of other) chronicle.say(`Not as planned: ${what}.`);
  return other.length === 0;
}

function tell(turns: readonly Turn[], applied: Applied, plan: Plan, stands: boolean): string {
  const taken = takenOf(turns, applied);
  return [
    ...taken.map(effectOf),
    ...(taken.length === 0 ? ['Nobody has another turn than before.'] : []),
    ...(taken.length > 0 && stands ? ['The final schedule and who is on call show it.'] : []),
    ...(taken.length > 0 && !stands ? ['PagerDuty does not show it as it should be.'] : []),
    ...restOf(applied, plan),
  ].join(' ');
}

function nextOf(turns: readonly Turn[], applied: Applied): readonly string[] {
  const taken = takenOf(turns, applied);
  const isUnknown = applied.why === 'partly';
  const where = turns.map(({ on }) => `${on.said} on ${on.name}`).join(' and ');
  return [
    ...(isUnknown ? [`Look in PagerDuty who has ${where} before you do it again.`] : []),
    ...(taken.length > 0 && taken.length < turns.length
      ? [
          'Only one half of the swap stands: take that override back in PagerDuty, or make the other half there.',
        ]
      : []),
    ...(turns.length === 1
      ? taken.flatMap((turn) => ownersOf([turn]).map(({ name }) => `Tell ${name}: ${effectOf(turn)}`))
      : []),
  ];
}

const iso = (at: number): string => new Date(at).toISOString();
