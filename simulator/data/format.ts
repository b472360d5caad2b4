import { z } from 'zod';
import { Settings } from '../settings.ts';
import { PolicyData, ScheduleData, TeamData, UserData } from './people.ts';
import { Id, Instant, listOf, Name, Text, TimeOfDay, Timeout, TimeZone, Weekday } from './words.ts';

// What a data file may say. An unknown key is an error; whatever is not said has the value that stands here.

const Choice = z.enum(['high', 'low', 'severity_based']);

const ServiceData = z.strictObject({
  id: Id,
  name: Name,
  description: Text,
  created_at: Instant.default(Date.UTC(2024, 2, 1, 12)),
  escalation_policy: Id,
  status: z.enum(['active', 'disabled', 'maintenance']).default('active'),
  acknowledgement_timeout: Timeout,
  auto_resolve_timeout: Timeout,
  urgency: z
    .union([Choice, z.strictObject({ during_support_hours: Choice, outside_support_hours: Choice })], {
      error:
        'an urgency is high, low, severity_based, or { during_support_hours: …, outside_support_hours: … }',
    })
    .default('high'),
  support_hours: z
    .strictObject({
      time_zone: TimeZone,
      start_time: TimeOfDay,
      end_time: TimeOfDay,
      days_of_week: z.array(Weekday).min(1),
    })
    .nullable()
    .default(null),
  raise_urgency_at: listOf(z.enum(['support_hours_start', 'support_hours_end'])),
  alert_creation: z
    .enum(['create_alerts_and_incidents', 'create_incidents'])
    .default('create_alerts_and_incidents'),
  alert_grouping: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('time'), timeout: z.int().min(0) }),
      z.strictObject({ type: z.literal('intelligent'), time_window: z.int().min(0) }),
      z.strictObject({
        type: z.literal('content_based'),
        aggregate: z.enum(['all', 'any']),
        fields: z.array(z.string().min(1)).min(1),
        time_window: z.int().min(0).default(0),
      }),
    ])
    .nullable()
    .default(null),
  auto_pause_notifications_seconds: z
    .union([0, 120, 180, 300, 600, 900].map((seconds) => z.literal(seconds)))
    .default(0),
  integrations: listOf(
    z.strictObject({
      id: Id.optional(),
      name: Name.default('Events API V2'),
      routing_key: z.string().regex(/^[A-Za-z0-9]{32}$/, 'a routing key is 32 letters and digits'),
    }),
  ),
});

const PriorityData = z.strictObject({ id: Id, name: Name, description: z.string().default('') });

const Key = z.string().regex(/^\S{8,}$/, 'a key is 8 characters or more, without spaces');

const CredentialData = z.strictObject({
  key: Key,
  access: z.enum(['full', 'read-only']).default('full'),
  /** Whose key it is; absent: the account's. */
  user: Id.nullable().default(null),
  /** Absent: an API key. */
  bearer: z.boolean().default(false),
  scopes: z.array(z.string().min(1)).optional(),
  /** The OAuth client whose token it is. */
  client: z.string().min(1).optional(),
});

const OAuthClientData = z.strictObject({
  id: z.string().min(1),
  secret: Key,
  name: Name,
  scopes: z.array(z.string().min(1)),
});

const afterMinutes = { after_minutes: z.number().min(0), by: Id.optional() };

/** Something that happened before the simulator starts; it is played by the rules of the present. */
const IncidentData = z.strictObject({
  service: Id,
  title: z.string().min(1).max(1024),
  minutes_ago: z.number().min(0),
  urgency: z.enum(['high', 'low']).optional(),
  priority: Id.optional(),
  /** Who made it; absent: its first alert did. */
  created_by: Id.optional(),
  alerts: listOf(
    z.strictObject({
      key: z.string().min(1).max(255),
      severity: z.enum(['critical', 'error', 'warning', 'info']).default('error'),
      /** Absent: the title. */
      summary: z.string().min(1).max(1024).optional(),
      details: z.unknown().default({}),
      after_minutes: z.number().min(0).default(0),
      resolved_after_minutes: z.number().min(0).optional(),
    }),
  ),
  acknowledged: z.strictObject(afterMinutes).optional(),
  notes: listOf(z.strictObject({ ...afterMinutes, content: z.string().min(1) })),
  resolved: z.strictObject({ ...afterMinutes, resolution: z.string().optional() }).optional(),
});

export const Data = z.strictObject({
  domain: z
    .string()
    .regex(
      /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
      'a domain is the ACME of https://ACME.pagerduty.com, in small letters',
    )
    .default('example'),
  missing_abilities: listOf(Settings.shape.missing_abilities.element),
  users: z.array(UserData).min(1),
  teams: listOf(TeamData),
  schedules: listOf(ScheduleData),
  escalation_policies: listOf(PolicyData),
  services: listOf(ServiceData),
  /** From the most severe down. */
  priorities: listOf(PriorityData),
  /** Absent: the keys of the seed world. */
  credentials: z.array(CredentialData).min(1).optional(),
  oauth_clients: listOf(OAuthClientData),
  incidents: listOf(IncidentData),
});

export type Data = z.output<typeof Data>;
export type IncidentData = Data['incidents'][number];
export type ServiceData = Data['services'][number];
