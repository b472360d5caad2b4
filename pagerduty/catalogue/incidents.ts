import { z } from 'zod';
import type { Endpoint, Touch } from './endpoint.ts';
import {
  type Brings,
  Id,
  Instant,
  listWithin,
  pageFields,
  pageQuery,
  Reference,
  teamsOf,
  views,
} from './wire.ts';

export const Status = z.enum(['triggered', 'acknowledged', 'resolved']);
export const Urgency = z.enum(['high', 'low']);

/** An incident as REST sends it. Most fields may be null or missing: only what every incident has is demanded. */
export const Incident = z.looseObject({
  id: z.string(),
  incident_number: z.number(),
  title: z.string().nullish(),
  status: z.string(),
  urgency: z.string(),
  incident_key: z.string().nullish(),
  created_at: z.string(),
  last_status_change_at: z.string().nullish(),
  last_status_change_by: Reference.nullish(),
  resolved_at: z.string().nullish(),
  html_url: z.string().nullish(),
  service: Reference.nullish(),
  escalation_policy: Reference.nullish(),
  teams: z.array(Reference).nullish(),
  assignments: z.array(z.looseObject({ at: z.string().nullish(), assignee: Reference })).nullish(),
  acknowledgements: z.array(z.looseObject({ at: z.string().nullish(), acknowledger: Reference })).nullish(),
  assigned_via: z.string().nullish(),
  priority: z.looseObject({ id: z.string(), summary: z.string().nullish() }).nullish(),
  incident_type: z.looseObject({ name: z.string().nullish() }).nullish(),
  /** Only with `include[]=conference_bridge`. */
  conference_bridge: z
    .looseObject({ conference_number: z.string().nullish(), conference_url: z.string().nullish() })
    .nullish(),
  pending_actions: z.array(z.looseObject({ type: z.string(), at: z.string().nullish() })).nullish(),
  alert_counts: z.looseObject({ all: z.number(), triggered: z.number(), resolved: z.number() }).nullish(),
});
export type Incident = z.output<typeof Incident>;

export const IncidentAnswer = z.looseObject({ incident: Incident });

/** An alert. Alerts know only triggered and resolved; `body.details` is an object or a string. */
export const Alert = z.looseObject({
  id: z.string(),
  status: z.string(),
  alert_key: z.string().nullish(),
  summary: z.string().nullish(),
  severity: z.string().nullish(),
  suppressed: z.boolean().nullish(),
  created_at: z.string().nullish(),
  resolved_at: z.string().nullish(),
  body: z.looseObject({ details: z.unknown() }).nullish(),
});
export type Alert = z.output<typeof Alert>;

/** What happened to an incident. `type` ends in `_log_entry`; `channel.type` says by which way: `api`, `timeout`, `note`… */
export const LogEntry = z.looseObject({
  id: z.string(),
  type: z.string(),
  created_at: z.string(),
  summary: z.string().nullish(),
  agent: Reference.nullish(),
  channel: z.looseObject({ type: z.string().nullish() }).nullish(),
  user: Reference.nullish(),
  /** Of an entry that hands it on: to whom. */
  assignees: z.array(Reference).nullish(),
});
export type LogEntry = z.output<typeof LogEntry>;

const by = {
  services: 'service_ids[]',
  teams: 'team_ids[]',
  urgency: 'urgencies[]',
  status: 'statuses[]',
  assignee: 'user_ids[]',
} as const;

const includes = [
  'acknowledgers',
  'agents',
  'assignees',
  'conference_bridge',
  'escalation_policies',
  'first_trigger_log_entries',
  'priorities',
  'services',
  'teams',
  'users',
] as const;

/** What an incident's `include[]` brings along. */
const brings: Brings = {
  acknowledgers: ['users.view'],
  agents: ['users.view'],
  assignees: ['users.view'],
  escalation_policies: ['escalation_policies.view'],
  services: ['services.view'],
  teams: ['teams.view'],
  users: ['users.view'],
};

/** `GET /incidents`. Without dates PagerDuty answers one month only; `date_range=all` lifts it, six months is the widest span. */
export const listIncidents = {
  summary: 'List incidents',
  api: 'rest',
  method: 'GET',
  path: '/incidents',
  request: z.strictObject({
    query: z
      .strictObject({
        ...pageQuery,
        date_range: z.literal('all').optional(),
        since: Instant.optional(),
        until: Instant.optional(),
        time_zone: z.string().optional(),
        'statuses[]': z.array(Status).min(1).optional(),
        'service_ids[]': z.array(Id).min(1).optional(),
        'team_ids[]': z.array(Id).min(1).optional(),
        'user_ids[]': z.array(Id).min(1).optional(),
        'urgencies[]': z.array(Urgency).min(1).optional(),
        incident_key: z.string().min(1).max(255).optional(),
        sort_by: z
          .string()
          .regex(
            /^(incident_number|created_at|resolved_at|urgency)(:(asc|desc))?(,(incident_number|created_at|resolved_at|urgency)(:(asc|desc))?)?$/,
            'sort_by takes at most two of incident_number, created_at, resolved_at, urgency, each with :asc or :desc',
          )
          .optional(),
        'include[]': z.array(z.enum(includes)).min(1).optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ incidents: z.array(Incident), ...pageFields }),
  scope: 'incidents.read',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  paging: { style: 'offset', items: 'incidents', times: { field: 'created_at', order: 'ascending' } },
  actions: views('incidents.view', brings),
  narrows: {
    by,
    shows: {
      services: ({ service }: Incident) => [service?.id],
      teams: teamsOf,
      policies: ({ escalation_policy }: Incident) => [escalation_policy?.id],
      urgency: ({ urgency }: Incident) => [urgency],
      status: ({ status }: Incident) => [status],
      assignee: ({ assignments }: Incident) => (assignments ?? []).map(({ assignee }) => assignee.id),
    },
  },
  touches: listWithin(by),
  repeat: 'safe',
} as const satisfies Endpoint;

/** `GET /incidents/{id}`. PagerDuty takes the incident number here as well as the id. */
export const getIncident = {
  summary: 'Read an incident',
  api: 'rest',
  method: 'GET',
  path: '/incidents/{id}',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    query: z
      .strictObject({
        'include[]': z
          .array(z.enum([...includes, 'custom_fields']))
          .min(1)
          .optional(),
      })
      .optional(),
  }),
  response: IncidentAnswer,
  scope: 'incidents.read',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  actions: views('incidents.view', brings),
  touches: theIncident,
  repeat: 'safe',
} as const satisfies Endpoint;

/** `GET /incidents/{id}/alerts`. */
export const listIncidentAlerts = {
  summary: 'List the alerts of an incident',
  api: 'rest',
  method: 'GET',
  path: '/incidents/{id}/alerts',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    query: z
      .strictObject({
        ...pageQuery,
        alert_key: z.string().min(1).max(255).optional(),
        'statuses[]': z
          .array(z.enum(['triggered', 'resolved']))
          .min(1)
          .optional(),
        sort_by: z
          .string()
          .regex(
            /^(created_at|resolved_at)(:(asc|desc))?(,(created_at|resolved_at)(:(asc|desc))?)?$/,
            'sort_by takes created_at or resolved_at, each with :asc or :desc',
          )
          .optional(),
        'include[]': z
          .array(z.enum(['services', 'first_trigger_log_entries', 'incidents']))
          .min(1)
          .optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ alerts: z.array(Alert), ...pageFields }),
  scope: 'incidents.read',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  paging: { style: 'offset', items: 'alerts' },
  actions: views('incidents.view', brings),
  touches: theIncident,
  repeat: 'safe',
} as const satisfies Endpoint;

/** `GET /incidents/{id}/log_entries`, newest first. The paging fields may be missing in the answer. */
export const listIncidentLogEntries = {
  summary: 'List what happened to an incident',
  api: 'rest',
  method: 'GET',
  path: '/incidents/{id}/log_entries',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    query: z
      .strictObject({
        ...pageQuery,
        since: Instant.optional(),
        until: Instant.optional(),
        time_zone: z.string().optional(),
        is_overview: z.boolean().optional(),
        'include[]': z
          .array(z.enum(['incidents', 'services', 'channels', 'teams']))
          .min(1)
          .optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ log_entries: z.array(LogEntry), ...pageFields }),
  scope: 'incidents.read',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  paging: { style: 'offset', items: 'log_entries', times: { field: 'created_at', order: 'descending' } },
  actions: views('incidents.view', brings),
  touches: theIncident,
  repeat: 'safe',
} as const satisfies Endpoint;

/** What a request about one incident reaches. */
export function theIncident(request: { readonly params: { readonly id: string } }): readonly Touch[] {
  return [{ kind: 'incident', id: request.params.id }];
}
