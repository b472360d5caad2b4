import { z } from 'zod';
import type { Action, Endpoint, StatusOf, Touch, Trace } from './endpoint.ts';
import { Incident, IncidentAnswer, Status, Urgency } from './incidents.ts';
import { Id, pageFields, referenceTo } from './wire.ts';

const Title = z.string().min(1).max(1024);
const Assignments = z.array(z.strictObject({ assignee: referenceTo('user_reference') }));
const IncidentType = z.strictObject({ name: z.string().min(1).max(50) });
const Bridge = z.strictObject({
  conference_number: z.string().optional(),
  conference_url: z.string().optional(),
});

/** The request of `createIncident`. */
export interface CreateIncident {
  readonly body: {
    readonly incident: {
      readonly title: string;
      readonly service: { readonly id: string };
      readonly urgency?: 'high' | 'low' | undefined;
      readonly incident_key?: string | undefined;
      readonly escalation_policy?: { readonly id: string } | undefined;
      readonly assignments?: readonly { readonly assignee: { readonly id: string } }[] | undefined;
    };
  };
}

/**
 * `POST /incidents`. A second one with the same `incident_key` on the same service is a 400 while the first is open; where
 * the request has none, it gets one from its step. Assigned to the `From` user it opens acknowledged and pages nobody.
 */
export const createIncident = {
  summary: 'Create an incident',
  api: 'rest',
  method: 'POST',
  path: '/incidents',
  request: z.strictObject({
    body: z.strictObject({
      incident: z
        .strictObject({
          type: z.literal('incident'),
          title: Title,
          service: referenceTo('service_reference'),
          priority: referenceTo('priority_reference').optional(),
          urgency: Urgency.optional(),
          // A string: the published schema says object, and PagerDuty refuses one.
          body: z
            .strictObject({ type: z.literal('incident_body'), details: z.string().max(25_000) })
            .optional(),
          incident_key: z.string().min(1).max(255).optional(),
          assignments: Assignments.length(1).optional(),
          escalation_policy: referenceTo('escalation_policy_reference').optional(),
          incident_type: IncidentType.optional(),
          conference_bridge: Bridge.optional(),
        })
        .refine((incident) => !(incident.assignments && incident.escalation_policy), {
          path: ['assignments'],
          error: 'an incident goes to one assignee or to an escalation policy, not to both',
        }),
    }),
  }),
  response: IncidentAnswer,
  scope: 'incidents.write',
  token: 'any',
  from: 'required',
  bucket: 'operation',
  webhooks: ['incident.triggered'],
  actions: () => ['incidents.create'],
  touches: ({ body }: CreateIncident): readonly Touch[] => {
    const { service, urgency, escalation_policy, assignments = [] } = body.incident;
    const assignees = assignments.map(({ assignee }) => assignee.id);
    return [
      { kind: 'new incident', service: service.id, urgency, policy: escalation_policy?.id, assignees },
      ...assignees.map((id) => ({ kind: 'user', id }) as const),
    ];
  },
  repeat: {
    find: 'listIncidents',
    ask: ({ body }: CreateIncident) => ({
      query: {
        incident_key: body.incident.incident_key,
        'service_ids[]': [body.incident.service.id],
        date_range: 'all',
        sort_by: 'created_at:desc',
      },
    }),
    ours: (
      { incidents }: { readonly incidents: readonly Incident[] },
      { body }: CreateIncident,
      { sentAt }: Trace,
    ) => {
      const incident = incidents.find(
        ({ incident_key, title, created_at }) =>
          incident_key === body.incident.incident_key &&
          title === body.incident.title &&
          isSince(created_at, sentAt),
      );
      return incident && { incident };
    },
    sign: ({ body }: CreateIncident, mark: string) => ({
      body: { incident: { ...body.incident, incident_key: body.incident.incident_key ?? mark } },
    }),
  },
} as const satisfies Endpoint;

const changes = {
  type: z.enum(['incident', 'incident_reference']),
  status: Status.optional(),
  resolution: z.string().min(1).max(25_000).optional(),
  title: Title.optional(),
  urgency: Urgency.optional(),
  escalation_level: z.int().min(1).optional(),
  assignments: Assignments.min(1).optional(),
  escalation_policy: referenceTo('escalation_policy_reference').optional(),
  priority: z.union([referenceTo('priority_reference'), z.string().min(1)]).optional(),
  incident_type: IncidentType.optional(),
  conference_bridge: Bridge.optional(),
};

/** One incident's part of an update. */
interface Change {
  readonly status?: 'triggered' | 'acknowledged' | 'resolved' | undefined;
  readonly resolution?: string | undefined;
  readonly title?: string | undefined;
  readonly urgency?: 'high' | 'low' | undefined;
  readonly escalation_level?: number | undefined;
  readonly assignments?: readonly { readonly assignee: { readonly id: string } }[] | undefined;
  readonly escalation_policy?: { readonly id: string } | undefined;
  readonly priority?: unknown;
  readonly incident_type?: unknown;
  readonly conference_bridge?: unknown;
  readonly service?: { readonly id: string } | undefined;
}

const changesSomething = (change: object): boolean =>
  Object.keys(change).some((field) => field !== 'type' && field !== 'id');
const resolvesIfItSays = ({ resolution, status }: Change): boolean =>
  resolution === undefined || status === 'resolved';
const resolutionAlone = { path: ['resolution'], error: 'a resolution goes only with status "resolved"' };

const changeEvents = [
  'incident.acknowledged',
  'incident.unacknowledged',
  'incident.resolved',
  'incident.reopened',
  'incident.escalated',
  'incident.reassigned',
  'incident.delegated',
  'incident.priority_updated',
  'incident.incident_type.changed',
  'incident.conference_bridge.updated',
] as const;

/** The request of `updateIncident`. */
export interface UpdateIncident {
  readonly params: { readonly id: string };
  readonly body: { readonly incident: Change };
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
    body: z.strictObject({
      incident: z
        .strictObject({ ...changes, service: referenceTo('service_reference').optional() })
        .refine(changesSomething, 'nothing to change')
        .refine(resolvesIfItSays, resolutionAlone),
    }),
  }),
  response: IncidentAnswer,
  scope: 'incidents.write',
  token: 'any',
  from: 'required',
  bucket: 'account',
  webhooks: [...changeEvents, 'incident.service_updated'],
  actions: ({ params, body }: UpdateIncident, statusOf: StatusOf) =>
    actionsIn(body.incident, statusOf(params.id)),
  situated: true,
  touches: ({ params, body }: UpdateIncident) => [
    { kind: 'incident', id: params.id },
    ...targetsOf(body.incident),
  ],
  repeat: {
    find: 'getIncident',
    ask: (request: UpdateIncident) => ({ params: { id: request.params.id } }),
    ours: (found: { readonly incident: Incident }, { body }: UpdateIncident, trace: Trace) =>
      stands(found.incident, body.incident, trace) ? found : undefined,
  },
} as const satisfies Endpoint;

/** The request of `updateIncidents`. */
export interface UpdateIncidents {
  readonly body: { readonly incidents: readonly (Change & { readonly id: string })[] };
}

/** `PUT /incidents`. All or nothing: one member that is refused refuses all, and no answer says which. Cannot move incidents. */
export const updateIncidents = {
  summary: 'Update incidents',
  api: 'rest',
  method: 'PUT',
  path: '/incidents',
  request: z.strictObject({
    body: z.strictObject({
      incidents: z
        .array(
          z
            .strictObject({ id: Id, ...changes })
            .refine(changesSomething, 'nothing to change')
            .refine(resolvesIfItSays, resolutionAlone),
        )
        .min(1)
        .max(250)
        .refine(
          (members) => new Set(members.map(({ id }) => id)).size === members.length,
          'each incident stands in it once',
        ),
    }),
  }),
  response: z.looseObject({ incidents: z.array(Incident), ...pageFields }),
  scope: 'incidents.write',
  token: 'any',
  from: 'required',
  bucket: 'operation',
  webhooks: changeEvents,
  actions: ({ body }: UpdateIncidents, statusOf: StatusOf) => [
    ...new Set(body.incidents.flatMap((member) => actionsIn(member, statusOf(member.id)))),
  ],
  situated: true,
  touches: ({ body }: UpdateIncidents) => [
    ...body.incidents.map(({ id }) => ({ kind: 'incident', id }) as const),
    ...uniqueTouches(body.incidents.flatMap(targetsOf)),
  ],
  repeat: {
    find: 'getIncident',
    ask: ({ body }: UpdateIncidents) => body.incidents.map(({ id }) => ({ params: { id } })),
    ours: (found: readonly { readonly incident: Incident }[], { body }: UpdateIncidents, trace: Trace) => {
      const all = body.incidents.every((member, index) => {
        const incident = found[index]?.incident;
        return incident !== undefined && stands(incident, member, trace);
      });
      return all ? { incidents: found.map(({ incident }) => incident) } : undefined;
    },
  },
} as const satisfies Endpoint;

function actionsIn(change: Change, status: string | undefined): readonly Action[] {
  const actions = new Set<Action>();
  const reopens = status === 'resolved';
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

/** Where a change sends its incident: a grant that covers the incident must cover that too. */
const targetsOf = ({ service, escalation_policy, assignments = [] }: Change): readonly Touch[] => [
  ...(service ? [{ kind: 'service', id: service.id } as const] : []),
  ...(escalation_policy ? [{ kind: 'escalation policy', id: escalation_policy.id } as const] : []),
  ...assignments.map(({ assignee }) => ({ kind: 'user', id: assignee.id }) as const),
];

const uniqueTouches = (touches: readonly Touch[]): readonly Touch[] => [
  ...new Map(touches.map((touch) => [JSON.stringify(touch), touch])).values(),
];

/** Whether every field that was asked for stands as asked, and a status was set by one of our users. */
function stands(incident: Incident, change: Change, trace: Trace): boolean {
  if (change.status !== undefined && !isOurStatus(incident, change.status, trace)) return false;
  if (change.title !== undefined && incident.title !== change.title) return false;
  if (change.urgency !== undefined && incident.urgency !== change.urgency) return false;
  if (change.escalation_policy && incident.escalation_policy?.id !== change.escalation_policy.id)
    return false;
  if (change.service && incident.service?.id !== change.service.id) return false;
  if (change.assignments) {
    const assigned = new Set(incident.assignments?.map(({ assignee }) => assignee.id));
    if (!change.assignments.every(({ assignee }) => assigned.has(assignee.id))) return false;
  }
  // The level, priority, type and bridge cannot be told from here: sending those again sets the same value.
  const unseen =
    change.escalation_level !== undefined ||
    change.priority ||
    change.incident_type ||
    change.conference_bridge;
  return !unseen;
}

function isOurStatus(incident: Incident, wanted: string, { ourUsers, sentAt }: Trace): boolean {
  if (incident.status !== wanted) return false;
  if (wanted === 'acknowledged') {
    return incident.acknowledgements?.some(({ acknowledger }) => ourUsers.includes(acknowledger.id)) ?? false;
  }
  const by = incident.last_status_change_by?.id;
  const at = incident.last_status_change_at;
  return isSince(at, sentAt) && (by === undefined || ourUsers.includes(by));
}

/** PagerDuty's times have whole seconds, and its clock is not ours: a minute of grace. What has no time may be of then. */
const isSince = (at: string | null | undefined, sentAt: string): boolean =>
  typeof at !== 'string' || Date.parse(at) >= Date.parse(sentAt) - 60_000;
