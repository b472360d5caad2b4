import { z } from 'zod';
import type { Endpoint, Touch } from './endpoint.ts';
import {
  Id,
  Instant,
  idOf,
  listWithin,
  pageFields,
  pageQuery,
  Reference,
  referenceTo,
  teamsOf,
} from './wire.ts';

/** One stretch of a rendered schedule. */
const Entry = z.looseObject({ start: z.string(), end: z.string(), user: Reference.nullish() });
type Entry = z.output<typeof Entry>;

const SubSchedule = z.looseObject({
  name: z.string().nullish(),
  rendered_schedule_entries: z.array(Entry).nullish(),
  rendered_coverage_percentage: z.number().nullish(),
});

/** A layer-based schedule. Rendered entries come only with `since` and `until`. */
export const Schedule = z.looseObject({
  id: z.string(),
  type: z.string().nullish(),
  name: z.string().nullish(),
  time_zone: z.string().nullish(),
  schedule_layers: z.array(z.looseObject({ id: z.string().nullish() })).nullish(),
  final_schedule: SubSchedule.nullish(),
  overrides_subschedule: SubSchedule.nullish(),
  escalation_policies: z.array(Reference).nullish(),
  users: z.array(Reference).nullish(),
  teams: z.array(Reference).nullish(),
});
export type Schedule = z.output<typeof Schedule>;

const range = { since: Instant.optional(), until: Instant.optional(), time_zone: z.string().optional() };

/** `GET /schedules`. Shift-based schedules are in no list of this kind; entries are rendered only with `include[]` and a range. */
export const listSchedules = {
  summary: 'List schedules',
  api: 'rest',
  method: 'GET',
  path: '/schedules',
  request: z.strictObject({
    query: z
      .strictObject({
        ...pageQuery,
        ...range,
        query: z.string().min(1).optional(),
        'team_ids[]': z.array(Id).min(1).optional(),
        'include[]': z
          .array(z.enum(['schedule_layers', 'overrides_subschedule', 'final_schedule']))
          .min(1)
          .optional(),
        include_next_oncall_for_user: Id.optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ schedules: z.array(Schedule), ...pageFields }),
  scope: 'schedules.read',
  token: 'any',
  from: 'none',
  paging: { style: 'offset', items: 'schedules' },
  bucket: 'account',
  webhooks: [],
  actions: () => ['schedules.view'],
  narrows: { by: { teams: 'team_ids[]' }, shows: { schedules: idOf, teams: teamsOf } },
  touches: listWithin({ teams: 'team_ids[]' }),
  repeat: 'safe',
} as const satisfies Endpoint;

/** `GET /schedules/{id}`. A schedule that moved to PagerDuty's shift-based kind answers 400 here. */
export const getSchedule = {
  summary: 'Read a schedule',
  api: 'rest',
  method: 'GET',
  path: '/schedules/{id}',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    query: z
      .strictObject({
        ...range,
        overflow: z.boolean().optional(),
        include_next_oncall_for_user: Id.optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ schedule: Schedule }),
  scope: 'schedules.read',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  actions: () => ['schedules.view'],
  touches: theSchedule,
  repeat: 'safe',
} as const satisfies Endpoint;

/** What became of one override of a request: the HTTP status says 201 even where an item says 400. */
const OverrideOutcome = z.looseObject({
  status: z.number(),
  override: z
    .looseObject({
      id: z.string().nullish(),
      start: z.string().nullish(),
      end: z.string().nullish(),
      user: Reference.nullish(),
    })
    .nullish(),
  errors: z.array(z.string()).nullish(),
});

/** The request of `createScheduleOverride`. */
export interface CreateOverride {
  readonly params: { readonly id: string };
  readonly body: {
    readonly overrides: readonly {
      readonly start: string;
      readonly end: string;
      readonly user: { readonly id: string };
    }[];
  };
}

/** `POST /schedules/{id}/overrides`. Look at every `status` of the answer. */
export const createScheduleOverride = {
  summary: 'Override a schedule',
  api: 'rest',
  method: 'POST',
  path: '/schedules/{id}/overrides',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    body: z.strictObject({
      overrides: z
        .array(
          z
            .strictObject({
              start: Instant,
              end: Instant,
              user: referenceTo('user_reference'),
              time_zone: z.string().optional(),
            })
            .refine(({ start, end }) => Date.parse(end) > Date.parse(start), {
              path: ['end'],
              error: 'an override ends after its start',
            }),
        )
        .min(1)
        .max(100),
    }),
  }),
  // A bare array; PagerDuty's upgrade guide shows it under a root key.
  response: z
    .union([z.array(OverrideOutcome), z.looseObject({ overrides: z.array(OverrideOutcome) })])
    .transform((answer) => (Array.isArray(answer) ? { overrides: answer } : answer)),
  scope: 'schedules.write',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  actions: () => ['schedules.override'],
  touches: (request: CreateOverride): readonly Touch[] => [
    ...theSchedule(request),
    ...request.body.overrides.map(({ user }) => ({ kind: 'user', id: user.id }) as const),
  ],
  repeat: {
    find: 'getSchedule',
    ask: ({ params, body }: CreateOverride) => ({
      params,
      query: {
        since: earliest(body.overrides.map(({ start }) => start)),
        until: latest(body.overrides.map(({ end }) => end)),
        overflow: true,
      },
    }),
    // The request took effect where any of its overrides stands; what does not stand was refused, as its answer would have said.
    ours: ({ schedule }: { schedule: Schedule }, { body }: CreateOverride) => {
      const standing = schedule.overrides_subschedule?.rendered_schedule_entries ?? [];
      const overrides = body.overrides.map((override) =>
        isCovered(override, standing)
          ? { status: 201, override }
          : { status: 400, override, errors: ['no such override stands on the schedule'] },
      );
      return overrides.some(({ status }) => status === 201) ? { overrides } : undefined;
    },
    madeTwice: true,
    // Sent again it would lie on top of theirs.
    hidden: ({ schedule }: { schedule: Schedule }, { body }: CreateOverride) => {
      const standing = schedule.overrides_subschedule?.rendered_schedule_entries ?? [];
      const isUnder = body.overrides.some((override) => standing.some((entry) => overlaps(entry, override)));
      return isUnder ? 'another override stands there, and ours may lie under it' : undefined;
    },
  },
  shownBy: 'answer',
} as const satisfies Endpoint;

/**
 * Whether an override stands, by the rendered ones: instants are compared, since PagerDuty shows them in another zone; entries of
 * one person that touch may be one; and a newer override of somebody else may have taken a part.
 */
function isCovered(
  { start, end, user }: CreateOverride['body']['overrides'][number],
  standing: readonly Entry[],
): boolean {
  const until = Date.parse(end);
  let reached = Date.parse(start);
  let isHis = false;
  const within = standing
    .map((entry) => ({ from: Date.parse(entry.start), to: Date.parse(entry.end), userId: entry.user?.id }))
    .filter(({ from, to }) => to > reached && from < until)
    .toSorted((a, b) => a.from - b.from);
  for (const { from, to, userId } of within) {
    if (from > reached) return false;
    reached = Math.max(reached, to);
    isHis ||= userId === user.id;
  }
  return isHis && reached >= until;
}

const overlaps = (one: Pick<Entry, 'start' | 'end'>, other: Pick<Entry, 'start' | 'end'>): boolean =>
  Date.parse(one.start) < Date.parse(other.end) && Date.parse(one.end) > Date.parse(other.start);

const earliest = (times: readonly string[]): string =>
  new Date(Math.min(...times.map((time) => Date.parse(time)))).toISOString();
const latest = (times: readonly string[]): string =>
  new Date(Math.max(...times.map((time) => Date.parse(time)))).toISOString();

function theSchedule(request: { readonly params: { readonly id: string } }): readonly Touch[] {
  return [{ kind: 'schedule', id: request.params.id }];
}
