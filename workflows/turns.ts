import type { Named, Turns } from '../activities/index.ts';
import type { User } from '../pagerduty/catalogue/users.ts';
import { attempt, type Undone } from './attempt.ts';
import type { Outcome, OverrideInput } from './contract.ts';
import type { Span } from './coverage.ts';
import { type NoReads, noReads } from './plan.ts';
import { activitiesOf, perform } from './proxies.ts';
import { spell } from './report.ts';
import { asSaid } from './said.ts';

/** PagerDuty tells who is on call no further ahead. */
const furthestMs = 90 * 24 * 3_600_000;

/** A turn that changes hands. */
export interface Turn extends Span {
  readonly on: Pick<Turns, 'id' | 'name' | 'said' | 'policies'>;
  /** Who has it before, in order, and when; `user` null where nobody has. */
  readonly before: Turns['turns'];
  readonly taker: Named;
}

/** Why there is nothing to plan from, thrown within the reads and caught around them. */
export class Stop extends Error {
  readonly why: NoReads;
  constructor(outcome: Outcome, sentence: string, next?: readonly string[]) {
    super(sentence);
    this.why = { outcome, sentence, ...(next && { next }) };
  }
}

/** The step's result. @throws Stop where it was not done. */
export async function must<Result extends { readonly ok: true } | ({ readonly ok: false } & Undone)>(
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
export async function turnsOf(input: OverrideInput): Promise<readonly Turn[]> {
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

export const queryOf = ({ start, end }: Span) => ({
  since: new Date(start).toISOString(),
  until: new Date(end).toISOString(),
});
