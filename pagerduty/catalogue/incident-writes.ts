import { z } from 'zod';
import { type Action, type Endpoint, isSince, type StatusOf, type Touch, type Trace } from './endpoint.ts';
import { Incident, IncidentAnswer, type LogEntry, Status, Urgency } from './incidents.ts';
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
        limit: 100,
      },
    }),
    ours: (
      { incidents }: { readonly incidents: readonly Incident[] },
      { body }: CreateIncident,
      trace: Trace,
    ) => {
      const incident = incidents.find(
        ({ incident_key, title, created_at }) =>
          incident_key === body.incident.incident_key &&
          title === body.incident.title &&
          isSince(created_at, trace),
      );
      return incident && { incident };
    },
    sign: ({ body }: CreateIncident, mark: string) => ({
      body: { incident: { ...body.incident, incident_key: body.incident.incident_key ?? mark } },
    }),
  },
  shownBy: 'answer',
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
export interface Change {
  readonly status?: 'triggered' | 'acknowledged' | 'resolved' | undefined;
  readonly resolution?: string | undefined;
  readonly title?: string | undefined;
  readonly urgency?: 'high' | 'low' | undefined;
  readonly escalation_level?: number | undefined;
  readonly assignments?: readonly { readonly assignee: { readonly id: string } }[] | undefined;
  readonly escalation_policy?: { readonly id: string } | undefined;
  readonly priority?: { readonly id: string } | string | undefined;
  readonly incident_type?: { readonly name: string } | undefined;
  readonly conference_bridge?:
    | { readonly conference_number?: string | undefined; readonly conference_url?: string | undefined }
    | undefined;
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
    ask: ({ params, body }: UpdateIncident) => ({
      params: { id: params.id },
      ...(body.incident.conference_bridge && { query: { 'include[]': ['conference_bridge'] } }),
    }),
    ours: (found: { readonly incident: Incident }, { body }: UpdateIncident, trace: Trace) =>
      stands(found.incident, body.incident, trace) ? found : undefined,
    // What people have moved on since, and what an incident does not show of itself.
    also: [
      {
        find: 'listIncidentLogEntries',
        ask: ({ params, body }: UpdateIncident, { since }: Trace) =>
          entriesOf(body.incident).length === 0
            ? undefined
            : { params: { id: params.id }, query: { since, limit: 100 } },
        ours: (
          { log_entries }: { readonly log_entries: readonly LogEntry[] },
          { body }: UpdateIncident,
          trace: Trace,
          found: { readonly incident: Incident },
        ) => (isLogged(log_entries, body.incident, trace) ? found : undefined),
      },
    ],
  },
  shownBy: 'answer',
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
    // PagerDuty does all of it or nothing: a single member that shows our hand tells of all, whatever became of the others.
    ours: (
      found: readonly ({ readonly incident: Incident } | undefined)[],
      { body }: UpdateIncidents,
      trace: Trace,
    ) => {
      const incidents = found.flatMap((read) => read?.incident ?? []);
      const standing = body.incidents.filter((member, index) => {
        const incident = found[index]?.incident;
        return incident !== undefined && stands(incident, member, trace);
      });
      const isDone = standing.length === body.incidents.length || standing.some(({ status }) => status);
      return isDone ? { incidents } : undefined;
    },
  },
  shownBy: 'answer',
  bulk: {
    items: 'incidents',
    alone: ({ body }: UpdateIncidents) =>
      new Map(body.incidents.map((member) => [member.id, { body: { incidents: [member] } }])),
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
  if (change.priority && !isPriority(incident, change.priority)) return false;
  if (change.incident_type && incident.incident_type?.name !== change.incident_type.name) return false;
  if (change.conference_bridge && !isBridge(incident, change.conference_bridge)) return false;
  // The level shows in the log alone.
  return change.escalation_level === undefined;
}

function isOurStatus(incident: Incident, wanted: string, trace: Trace): boolean {
  const { ourUsers } = trace;
  if (incident.status !== wanted) return false;
  if (wanted === 'acknowledged') {
    return (
      incident.acknowledgements?.some(
        ({ at, acknowledger }) => ourUsers.includes(acknowledger.id) && isSince(at, trace),
      ) ?? false
    );
  }
  const by = incident.last_status_change_by?.id;
  return isSince(incident.last_status_change_at, trace) && (by === undefined || ourUsers.includes(by));
}

/** A priority is asked for by its reference or by its name. */
const isPriority = ({ priority }: Incident, wanted: { readonly id: string } | string): boolean =>
  typeof wanted === 'string'
    ? priority?.summary === wanted || priority?.['name'] === wanted
    : priority?.id === wanted.id;

const isBridge = (
  { conference_bridge: bridge }: Incident,
  { conference_number, conference_url }: NonNullable<Change['conference_bridge']>,
): boolean =>
  bridge !== undefined &&
  (bridge?.conference_number ?? undefined) === conference_number &&
  (bridge?.conference_url ?? undefined) === conference_url;

/** The log entries that a change leaves, whatever happens to the incident afterwards. */
const entriesOf = ({ status, escalation_level: level }: Change): readonly string[] => [
  ...(status === 'acknowledged' ? ['acknowledge_log_entry'] : []),
  ...(status === 'resolved' ? ['resolve_log_entry'] : []),
  ...(status === 'triggered' ? ['unacknowledge_log_entry'] : []),
  ...(level === undefined ? [] : ['escalate_log_entry']),
];

/** Whether the log shows the change by our hand. A request takes effect as a whole, so one entry of it is enough. */
const isLogged = (log: readonly LogEntry[], change: Change, trace: Trace): boolean =>
  log.some(
    ({ type, agent, created_at }) =>
      entriesOf(change).includes(type) &&
      agent !== undefined &&
      agent !== null &&
      trace.ourUsers.includes(agent.id) &&
      isSince(created_at, trace),
  );
