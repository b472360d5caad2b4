import { z } from 'zod';
import { Id, Instant, listOf, Name, Text, TimeOfDay, TimeZone, Weekday } from './words.ts';

// The first half of a data file: who there is, and when they are on call.

export const roles = [
  'admin',
  'limited_user',
  'observer',
  'owner',
  'read_only_user',
  'restricted_access',
  'read_only_limited_user',
  'user',
] as const;

export const UserData = z.strictObject({
  id: Id,
  name: Name,
  email: z.email('an e-mail address is needed'),
  role: z.enum(roles).default('user'),
  job_title: Text,
  description: Text,
  time_zone: TimeZone.default('Etc/UTC'),
  color: z.string().min(1).default('purple'),
  /** Absent: the e-mail address. */
  contact_methods: z
    .array(
      z.strictObject({
        id: Id.optional(),
        type: z.enum(['email', 'phone', 'sms', 'push_notification']),
        label: z.string().min(1).default('Work'),
        address: z.string().min(1),
      }),
    )
    .optional(),
  /** Absent: at once on the first contact method, whatever the urgency. */
  notification_rules: z
    .array(
      z.strictObject({
        id: Id.optional(),
        /** Its place in the list above, from 1 on. */
        contact_method: z.int().min(1),
        urgency: z.enum(['high', 'low']),
        start_delay_in_minutes: z.int().min(0).default(0),
      }),
    )
    .optional(),
});

export const TeamData = z.strictObject({
  id: Id,
  name: Name,
  description: Text,
  default_role: z.enum(['manager', 'none']).default('manager'),
  parent: Id.nullable().default(null),
  members: listOf(
    z.strictObject({ user: Id, role: z.enum(['observer', 'responder', 'manager']).default('manager') }),
  ),
});

const RestrictionData = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('daily_restriction'),
    start_time_of_day: TimeOfDay,
    duration_seconds: z.int().min(1).max(86_400),
  }),
  z.strictObject({
    type: z.literal('weekly_restriction'),
    start_day_of_week: Weekday,
    start_time_of_day: TimeOfDay,
    duration_seconds: z.int().min(1).max(604_800),
  }),
]);

const OverrideData = z.union([
  z.strictObject({ user: Id, start: Instant, end: Instant }),
  z.strictObject({ user: Id, in_minutes: z.int(), minutes: z.int().min(1) }),
]);

export const ScheduleData = z.strictObject({
  id: Id,
  name: Name,
  description: Text,
  time_zone: TimeZone,
  kind: z.enum(['layers', 'shifts']).default('layers'),
  layers: listOf(
    z.strictObject({
      id: Id.optional(),
      name: Name.optional(),
      start: Instant,
      end: Instant.nullable().default(null),
      rotation_virtual_start: Instant.optional(),
      rotation_turn_length_seconds: z.int().min(60, 'a turn is at least 60 seconds'),
      users: z.array(Id).min(1, 'a layer needs a user'),
      restrictions: listOf(RestrictionData),
    }),
  ),
  overrides: listOf(OverrideData),
});

const TargetData = z.union([z.strictObject({ user: Id }), z.strictObject({ schedule: Id })], {
  error: 'a target is { user: ID } or { schedule: ID }',
});

export const PolicyData = z.strictObject({
  id: Id,
  name: Name,
  description: Text,
  team: Id.nullable().default(null),
  num_loops: z.int().min(0).max(9).default(0),
  on_call_handoff_notifications: z.enum(['if_has_services', 'always']).default('if_has_services'),
  escalation_rules: z
    .array(
      z.strictObject({
        id: Id.optional(),
        escalation_delay_in_minutes: z.int().min(1),
        targets: z.array(TargetData).min(1),
        assignment_strategy: z.enum(['assign_to_everyone', 'round_robin']).default('assign_to_everyone'),
      }),
    )
    .min(1)
    .max(20),
});
