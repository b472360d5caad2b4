import { z } from 'zod';
import type { Action, Endpoint, Situation, Touch, Trace } from './endpoint.ts';
import { Id, Instant, pageFields, pageQuery, Reference, referenceTo } from './wire.ts';

const Status = z.enum(['triggered', 'acknowledged', 'resolved']);
const Urgency = z.enum(['high', 'low']);

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
  pending_actions: z.array(z.looseObject({ type: z.string(), at: z.string().nullish() })).nullish(),
  alert_counts: z.looseObject({ all: z.number(), triggered: z.number(), resolved: z.number() }).nullish(),
});
export type Incident = z.output<typeof Incident>;

/** A note. `user.type` is `bot_user_reference` for PagerDuty's own. */
export const Note = z.looseObject({
  id: z.string(),
  content: z.string(),
  created_at: z.string().nullish(),
  user: Reference.nullish(),
});
export type Note = z.output<typeof Note>;

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

const IncidentAnswer = z.looseObject({ incident: Incident });

/** The filters of `listIncidents` that the gate compares with a grant. */
export interface ListQuery {
  readonly 'service_ids[]'?: readonly string[] | undefined;
  readonly 'team_ids[]'?: readonly string[] | undefined;
  readonly 'urgencies[]'?: readonly string[] | undefined;
  readonly 'statuses[]'?: readonly string[] | undefined;
}

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
        'include[]': z
          .array(
            z.enum([
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
            ]),
          )
          .min(1)
          .optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ incidents: z.array(Incident), ...pageFields }),
  scope: 'incidents.read',
  from: 'none',
  paging: { style: 'offset', items: 'incidents' },
  actions: () => ['incidents.view'],
  touches: ({ query = {} }: { query?: ListQuery }) => [
    {
      kind: 'list',
      within: {
        ...(query['service_ids[]'] && { services: query['service_ids[]'] }),
        ...(query['team_ids[]'] && { teams: query['team_ids[]'] }),
        ...(query['urgencies[]'] && { urgency: query['urgencies[]'] }),
        ...(query['statuses[]'] && { status: query['statuses[]'] }),
      },
    },
  ],
  repeat: 'safe',
} as const satisfies Endpoint;

/** `GET /incidents/{id}`. PagerDuty takes the incident number here as well as the id. */
export const getIncident = {
  summary: 'Read an incident',
  api: 'rest',
  method: 'GET',
  path: '/incidents/{id}',
  request: z.strictObject({ params: z.strictObject({ id: Id }) }),
  response: IncidentAnswer,
  scope: 'incidents.read',
  from: 'none',
  actions: () => ['incidents.view'],
  touches: theIncident,
  repeat: 'safe',
} as const satisfies Endpoint;

const IncidentChange = z
  .strictObject({
    type: z.enum(['incident', 'incident_reference']),
    status: Status.optional(),
    resolution: z.string().min(1).max(25_000).optional(),
    title: z.string().min(1).max(1024).optional(),
    urgency: Urgency.optional(),
    escalation_level: z.int().min(1).optional(),
    assignments: z
      .array(z.strictObject({ assignee: referenceTo('user_reference') }))
      .min(1)
      .optional(),
    escalation_policy: referenceTo('escalation_policy_reference').optional(),
    priority: z.union([referenceTo('priority_reference'), z.string().min(1)]).optional(),
    incident_type: z.strictObject({ name: z.string().min(1) }).optional(),
    conference_bridge: z
      .strictObject({ conference_number: z.string().optional(), conference_url: z.string().optional() })
      .optional(),
    service: referenceTo('service_reference').optional(),
  })
  .refine((change) => Object.keys(change).some((field) => field !== 'type'), 'nothing to change')
  .refine((change) => change.resolution === undefined || change.status === 'resolved', {
    path: ['resolution'],
    error: 'a resolution goes only with status "resolved"',
  });

/** The request of `updateIncident`. */
export interface UpdateIncident {
  readonly params: { readonly id: string };
  readonly body: { readonly incident: z.output<typeof IncidentChange> };
}

/**
 * `PUT /incidents/{id}`. Looks idempotent and is not: acknowledging a resolved incident reopens it, in the caller's name.
 * @see https://developer.pagerduty.com/api-reference/8a0e1aa2ec666-update-an-incident
 */
export const updateIncident = {
  summary: 'Update an incident',
  api: 'rest',
  method: 'PUT',
  path: '/incidents/{id}',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    body: z.strictObject({ incident: IncidentChange }),
  }),
  response: IncidentAnswer,
  scope: 'incidents.write',
  from: 'required',
  actions: changesOf,
  situated: true,
  touches: theIncident,
  repeat: {
    find: 'getIncident',
    ask: (request: UpdateIncident) => ({ params: { id: request.params.id } }),
    ours: changed,
  },
} as const satisfies Endpoint;

/** `GET /incidents/{id}/notes`. All notes at once, newest first; at most 2,000 an incident. */
export const listIncidentNotes = {
  summary: 'List the notes of an incident',
  api: 'rest',
  method: 'GET',
  path: '/incidents/{id}/notes',
  request: z.strictObject({ params: z.strictObject({ id: Id }) }),
  response: z.looseObject({ notes: z.array(Note) }),
  scope: 'incidents.read',
  from: 'none',
  actions: () => ['incidents.view'],
  touches: theIncident,
  repeat: 'safe',
} as const satisfies Endpoint;

/** The request of `createIncidentNote`. */
export interface CreateNote {
  readonly params: { readonly id: string };
  readonly body: { readonly note: { readonly content: string } };
}

/** `POST /incidents/{id}/notes`. PagerDuty has no key for a note, so each of ours carries the mark of its step. */
export const createIncidentNote = {
  summary: 'Add a note to an incident',
  api: 'rest',
  method: 'POST',
  path: '/incidents/{id}/notes',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    body: z.strictObject({ note: z.strictObject({ content: z.string().min(1).max(24_900) }) }),
  }),
  response: z.looseObject({ note: Note }),
  scope: 'incidents.write',
  from: 'required',
  actions: () => ['incidents.add_note'],
  touches: theIncident,
  repeat: {
    find: 'listIncidentNotes',
    ask: (request: CreateNote) => ({ params: { id: request.params.id } }),
    ours: noteWithMark,
    sign: (request: CreateNote, mark: string) => ({
      ...request,
      body: { note: { content: `${request.body.note.content}\n\n${mark}` } },
    }),
  },
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
  from: 'none',
  paging: { style: 'offset', items: 'alerts' },
  actions: () => ['incidents.view'],
  touches: theIncident,
  repeat: 'safe',
} as const satisfies Endpoint;

function theIncident(request: { readonly params: { readonly id: string } }): readonly Touch[] {
  return [{ kind: 'incident', id: request.params.id }];
}

function changesOf(request: UpdateIncident, { incident }: Situation): readonly Action[] {
  const change = request.body.incident;
  const actions = new Set<Action>();
  const reopens = incident?.status === 'resolved';
  // Acknowledging a resolved incident opens it again and leaves it acknowledged by us: both must be allowed.
  if (change.status === 'acknowledged') actions.add('incidents.acknowledge');
  if (change.status === 'acknowledged' && reopens) actions.add('incidents.reopen');
  if (change.status === 'triggered') actions.add(reopens ? 'incidents.reopen' : 'incidents.unacknowledge');
  if (change.status === 'resolved') actions.add('incidents.resolve');
  if (change.assignments || change.escalation_policy) actions.add('incidents.reassign');
  if (change.escalation_level !== undefined) actions.add('incidents.escalate');
  if (change.urgency) actions.add('incidents.set_urgency');
  if (change.service) actions.add('incidents.move');
  if (change.title || change.priority || change.incident_type || change.conference_bridge)
    actions.add('incidents.edit');
  return [...actions];
}

/** The incident, where every field that was asked for stands as asked and a status was set by one of our users. */
function changed(found: { readonly incident: Incident }, request: UpdateIncident, trace: Trace): unknown {
  const { incident } = found;
  const change = request.body.incident;
  if (change.status !== undefined && !isOurStatus(incident, change.status, trace)) return undefined;
  if (change.title !== undefined && incident.title !== change.title) return undefined;
  if (change.urgency !== undefined && incident.urgency !== change.urgency) return undefined;
  if (change.escalation_policy && incident.escalation_policy?.id !== change.escalation_policy.id)
    return undefined;
  if (change.service && incident.service?.id !== change.service.id) return undefined;
  if (change.assignments) {
    const assigned = new Set(incident.assignments?.map(({ assignee }) => assignee.id));
    if (!change.assignments.every(({ assignee }) => assigned.has(assignee.id))) return undefined;
  }
  // The level, priority, type and bridge cannot be told from here: sending those again sets the same value.
  const unseen =
    change.escalation_level !== undefined ||
    change.priority ||
    change.incident_type ||
    change.conference_bridge;
  return unseen ? undefined : found;
}

function isOurStatus(incident: Incident, wanted: string, { ourUsers, sentAt }: Trace): boolean {
  if (incident.status !== wanted) return false;
  if (wanted === 'acknowledged') {
    return incident.acknowledgements?.some(({ acknowledger }) => ourUsers.includes(acknowledger.id)) ?? false;
  }
  const by = incident.last_status_change_by?.id;
  const at = incident.last_status_change_at;
  // PagerDuty's times have whole seconds, and its clock is not ours: a minute of grace.
  const recent = typeof at !== 'string' || Date.parse(at) >= Date.parse(sentAt) - 60_000;
  return recent && (by === undefined || ourUsers.includes(by));
}

function noteWithMark(
  found: { readonly notes: readonly Note[] },
  _request: CreateNote,
  trace: Trace,
): unknown {
  const note = found.notes.find(({ content }) => content.trimEnd().endsWith(trace.mark));
  return note && { note };
}
