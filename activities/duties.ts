import { ApplicationFailure } from '@temporalio/common';
import type { Stamp } from '../gate/audit.ts';
import { Hours } from '../gate/hours.ts';
import type { OnCall } from '../pagerduty/catalogue/oncalls.ts';
import type { Reference } from '../pagerduty/catalogue/wire.ts';
import type { Duty, Span } from '../workflows/coverage.ts';
import type { ExpectedHours } from '../workflows/reports.ts';
import type { Deps } from './deps.ts';
import { type Named, namedOf, nameIt } from './named.ts';
import { openTimes } from './open-times.ts';
import { perform } from './perform.ts';
import { type CallResult, type NotDone, type Unseen, unseenIn } from './results.ts';

/** What came of a read, cut to what a report needs. */
export type Read<T> = (T & { readonly ok: true; readonly agent: string; readonly entry: Stamp }) | NotDone;

/** A schedule that somebody is on call by. */
export interface RotaName extends Named {
  /** Moved to PagerDuty's shift-based kind: it pages as before, and version 2 of REST does not show it. */
  readonly isShiftBased: boolean;
}

/** An escalation policy as far as reports look at it. */
export interface Outline extends Named {
  /** What each level reaches, the first level first. */
  readonly levels: readonly { readonly rotas: readonly RotaName[]; readonly users: readonly Named[] }[];
  /** Ids of the services that page by it. */
  readonly services: readonly string[];
  /** When somebody is expected to answer, in order; absent where that is always so. */
  readonly expected?: readonly Span[];
}

/** An escalation policy: its levels, and when somebody is expected to answer there. */
export async function outlinePolicy(
  deps: Deps,
  {
    step,
    policy,
    hours,
    span,
  }: {
    readonly step: string;
    readonly policy: string;
    readonly hours?: ExpectedHours;
    readonly span: Span;
  },
): Promise<Read<Outline>> {
  const result = await perform(deps, 'getEscalationPolicy', { step, request: { params: { id: policy } } });
  if (!result.ok) return result;
  const { id, name, escalation_rules: rules, services } = result.response.escalation_policy;
  return {
    ok: true,
    ...nameIt(id, name),
    levels: (rules ?? []).map(({ targets }) => ({
      rotas: targets.filter((target) => !isUser(target)).map(rotaOf),
      users: targets.filter(isUser).map(namedOf),
    })),
    services: (services ?? []).slice(0, mostServices).map((service) => service.id),
    ...(hours && { expected: openTimes(hoursOf(hours.hours), span, hours.days) }),
    agent: result.agent,
    entry: result.entry,
  };
}

/** Some of those who are on call by a policy in a span. */
export interface DutyPage extends Unseen {
  readonly duties: readonly Duty[];
  readonly people: readonly Named[];
  readonly rotas: readonly RotaName[];
  /** How many records came, those that the agent may not see counted: where the next page begins. */
  readonly came: number;
  readonly more: boolean;
}

/** What a page of who is on call is asked by. */
export interface OnCallsAsked {
  readonly step: string;
  readonly by: 'schedules' | 'policies';
  readonly ids: readonly string[];
  readonly span: Span;
  readonly offset: number;
}

/** A page of who is on call in a span, as PagerDuty answers it. */
export const pageOfOnCalls = (
  deps: Deps,
  { step, by, ids, span, offset }: OnCallsAsked,
): Promise<CallResult<'listOnCalls'>> =>
  perform(deps, 'listOnCalls', {
    step,
    request: {
      query: {
        [by === 'schedules' ? 'schedule_ids[]' : 'escalation_policy_ids[]']: ids,
        since: new Date(span.start).toISOString(),
        until: new Date(span.end).toISOString(),
        limit: 100,
        offset,
      },
    },
  });

/** One page of who is on call by a policy. Rows that name no person, as a shift that nobody has, are nobody's duty. */
export async function listDuties(
  deps: Deps,
  {
    step,
    policy,
    span,
    offset,
  }: { readonly step: string; readonly policy: string; readonly span: Span; readonly offset: number },
): Promise<Read<DutyPage>> {
  const result = await pageOfOnCalls(deps, { step, by: 'policies', ids: [policy], span, offset });
  if (!result.ok) return result;
  const { oncalls, more } = result.response;
  const rows = oncalls.filter(({ user }) => isUser(user));
  const unseen = unseenIn(result);
  return {
    ok: true,
    duties: rows.map(dutyOf),
    people: unique(rows.map(({ user }) => namedOf(user))),
    rotas: unique(rows.flatMap(({ schedule }) => (schedule ? [rotaOf(schedule)] : []))),
    came: oncalls.length + unseen.hidden,
    ...unseen,
    more: more === true,
    agent: result.agent,
    entry: result.entry,
  };
}

/** The escalation policy of a service. */
export async function findPolicy(
  deps: Deps,
  { step, service }: { readonly step: string; readonly service: string },
): Promise<Read<Named & { readonly policy: string | null }>> {
  const result = await perform(deps, 'getService', { step, request: { params: { id: service } } });
  if (!result.ok) return result;
  const { id, name, escalation_policy: policy } = result.response.service;
  return {
    ok: true,
    ...nameIt(id, name),
    policy: policy?.id ?? null,
    agent: result.agent,
    entry: result.entry,
  };
}

/** Whether PagerDuty still has a user; nothing of the user goes into the history. A user that is gone fails with `NotFound`. */
export async function findUser(
  deps: Deps,
  { step, user }: { readonly step: string; readonly user: string },
): Promise<Read<object>> {
  const result = await perform(deps, 'getUser', { step, request: { params: { id: user } } });
  return result.ok ? { ok: true, agent: result.agent, entry: result.entry } : result;
}

/** Overrides that stand on a schedule in a span. */
export interface Overrides extends Named {
  readonly overrides: readonly (Span & { readonly user: Named })[];
}

/** The overrides of a schedule. A shift-based one answers `InvalidRequest`. */
export async function listOverrides(
  deps: Deps,
  { step, schedule, span }: { readonly step: string; readonly schedule: string; readonly span: Span },
): Promise<Read<Overrides>> {
  const result = await perform(deps, 'getSchedule', {
    step,
    request: {
      params: { id: schedule },
      query: {
        since: new Date(span.start).toISOString(),
        until: new Date(span.end).toISOString(),
        overflow: true,
      },
    },
  });
  if (!result.ok) return result;
  const { id, name, overrides_subschedule: sub } = result.response.schedule;
  return {
    ok: true,
    ...nameIt(id, name),
    overrides: (sub?.rendered_schedule_entries ?? []).slice(0, mostOverrides).flatMap((entry) => {
      const { start, end, user } = entry;
      return user ? [{ start: Date.parse(start), end: Date.parse(end), user: namedOf(user) }] : [];
    }),
    agent: result.agent,
    entry: result.entry,
  };
}

const mostOverrides = 50;
const mostServices = 100;

/**
 * Hours as they stand in an input.
 * @throws ApplicationFailure where they cannot be read: the input was looked at before, so nobody mends it by waiting.
 */
export function hoursOf(text: string): Hours {
  const parsed = Hours.safeParse(text);
  if (parsed.success) return parsed.data;
  throw ApplicationFailure.nonRetryable(`${text} are no hours.`, 'InvalidRequest');
}

/** A target is a schedule of either kind or a user; a row's user may be a shift's empty place. */
export const isUser = ({ type }: Reference): boolean => !/^(schedule|empty)/.test(type ?? '');
export const rotaOf = (schedule: Reference): RotaName => ({
  ...namedOf(schedule),
  isShiftBased: schedule.type?.startsWith('schedule_v3') === true,
});

function unique<One extends Named>(all: readonly One[]): readonly One[] {
  return [...new Map(all.map((one) => [one.id, one])).values()];
}

/** A row of `listOnCalls`, cut to what is calculated with. */
export const dutyOf = ({ escalation_level: level, user, schedule, start, end }: OnCall): Duty => ({
  level,
  user: user.id,
  ...(schedule && { schedule: schedule.id }),
  start: instantOf(start),
  end: instantOf(end),
});

export const instantOf = (text: string | null | undefined): number | null =>
  text === null || text === undefined ? null : Date.parse(text);
