import { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { type Brings, Id, Instant, listWithin, pageFields, pageQuery, Reference, views } from './wire.ts';

/** One person on call at one level of one policy. `start` null is permanent, `end` null never ends; `schedule` is null for a user who is a target himself. */
export const OnCall = z.looseObject({
  escalation_policy: Reference,
  escalation_level: z.number(),
  user: Reference,
  schedule: Reference.nullish(),
  start: z.string().nullish(),
  end: z.string().nullish(),
});
export type OnCall = z.output<typeof OnCall>;

const by = { policies: 'escalation_policy_ids[]', schedules: 'schedule_ids[]' } as const;

const brings: Brings = {
  escalation_policies: ['escalation_policies.view'],
  schedules: ['schedules.view'],
  users: ['users.view'],
};

/** `GET /oncalls`. Now, unless `since` and `until` say otherwise; at most 90 days ahead. Has a limit of its own, lower than the account's. */
export const listOnCalls = {
  summary: 'List who is on call',
  api: 'rest',
  method: 'GET',
  path: '/oncalls',
  request: z.strictObject({
    query: z
      .strictObject({
        ...pageQuery,
        time_zone: z.string().optional(),
        'user_ids[]': z.array(Id).min(1).optional(),
        'escalation_policy_ids[]': z.array(Id).min(1).optional(),
        'schedule_ids[]': z
          .array(z.union([Id, z.literal('null')]))
          .min(1)
          .optional(),
        since: Instant.optional(),
        until: Instant.optional(),
        earliest: z.boolean().optional(),
        'include[]': z
          .array(z.enum(['escalation_policies', 'users', 'schedules']))
          .min(1)
          .optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ oncalls: z.array(OnCall), ...pageFields }),
  scope: 'oncalls.read',
  token: 'any',
  from: 'none',
  bucket: 'operation',
  webhooks: [],
  paging: { style: 'offset', items: 'oncalls' },
  actions: views('oncalls.view', brings),
  narrows: {
    by,
    shows: {
      policies: ({ escalation_policy }: OnCall) => [escalation_policy.id],
      schedules: ({ schedule }: OnCall) => [schedule?.id],
    },
  },
  touches: listWithin(by),
  repeat: 'safe',
} as const satisfies Endpoint;

/** How far ahead our own users must be off call: PagerDuty looks no further than 90 days. */
const dutyAheadMs = 89 * 24 * 3_600_000;

/** Asks for one duty of users from now on, of whatever level: whether they have any. */
export const nextDuty = (users: readonly string[], now: number) => ({
  query: {
    'user_ids[]': [...users],
    since: new Date(now).toISOString(),
    until: new Date(now + dutyAheadMs).toISOString(),
    limit: 1,
  },
});
