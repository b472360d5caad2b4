import { z } from 'zod';
import { type Endpoint, isSince, type Touch, type Trace } from './endpoint.ts';
import {
  type Brings,
  Id,
  idOf,
  isNamed,
  listWithin,
  Name,
  pageFields,
  pageQuery,
  Reference,
  referenceTo,
  teamsOf,
  views,
} from './wire.ts';

/** Whether PagerDuty shows a value as it was asked for: it adds fields of its own, and a time-out of 0 is null there. */
function showsAs(asked: unknown, shown: unknown): boolean {
  if (asked === undefined) return true;
  if (Array.isArray(asked)) {
    return (
      Array.isArray(shown) &&
      asked.length === shown.length &&
      asked.every((item, index) => showsAs(item, shown[index]))
    );
  }
  if (typeof asked === 'object' && asked !== null) {
    const fields = (shown ?? {}) as Readonly<Record<string, unknown>>;
    // Of a reference the id counts: in an answer its type may be the full one.
    if ('id' in asked) return asked.id === fields['id'];
    return Object.entries(asked).every(([field, value]) => showsAs(value, fields[field]));
  }
  return (asked || null) === (shown || null);
}

/** A service. `acknowledgement_timeout` and `auto_resolve_timeout` are seconds; null is off. */
export const Service = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string().nullish(),
  created_at: z.string().nullish(),
  acknowledgement_timeout: z.number().nullish(),
  auto_resolve_timeout: z.number().nullish(),
  escalation_policy: Reference.nullish(),
  teams: z.array(Reference).nullish(),
});
export type Service = z.output<typeof Service>;

const ServiceAnswer = z.looseObject({ service: Service });

const includes = z
  .array(z.enum(['escalation_policies', 'teams', 'integrations', 'auto_pause_notifications_parameters']))
  .min(1);

const brings: Brings = {
  escalation_policies: ['escalation_policies.view'],
  teams: ['teams.view'],
};

const Urgency = z.strictObject({
  type: z.literal('constant'),
  urgency: z.enum(['high', 'low', 'severity_based']),
});

const TimeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/, 'a time of day is HH:MM:SS');

/** Seconds; 0 or null is off. */
const Timeout = z.int().min(0).nullable();

/** What can be set of a service. PagerDuty's defaults for the two time-outs are said to be on and are off: state them. */
const settings = {
  name: Name.optional(),
  description: z.string().nullable().optional(),
  status: z.enum(['active', 'disabled']).optional(),
  escalation_policy: referenceTo('escalation_policy_reference').optional(),
  auto_resolve_timeout: Timeout.optional(),
  acknowledgement_timeout: Timeout.optional(),
  alert_creation: z.enum(['create_alerts_and_incidents', 'create_incidents']).optional(),
  alert_grouping_parameters: z
    .strictObject({
      type: z.enum(['time', 'intelligent', 'content_based']).nullable(),
      config: z
        .strictObject({
          timeout: z.int().min(0).optional(),
          time_window: z.int().min(0).optional(),
          aggregate: z.enum(['all', 'any']).optional(),
          fields: z.array(z.string()).optional(),
        })
        .optional(),
    })
    .optional(),
  incident_urgency_rule: z
    .union([
      Urgency,
      z.strictObject({
        type: z.literal('use_support_hours'),
        during_support_hours: Urgency,
        outside_support_hours: Urgency,
      }),
    ])
    .optional(),
  support_hours: z
    .strictObject({
      type: z.literal('fixed_time_per_day'),
      time_zone: z.string().min(1),
      start_time: TimeOfDay,
      end_time: TimeOfDay,
      days_of_week: z.array(z.int().min(1).max(7)).min(1),
    })
    .nullable()
    .optional(),
  scheduled_actions: z
    .array(
      z.strictObject({
        type: z.literal('urgency_change'),
        at: z.strictObject({
          type: z.literal('named_time'),
          name: z.enum(['support_hours_start', 'support_hours_end']),
        }),
        to_urgency: z.literal('high'),
      }),
    )
    .optional(),
  auto_pause_notifications_parameters: z
    .strictObject({
      enabled: z.boolean(),
      timeout: z.union([0, 120, 180, 300, 600, 900].map((seconds) => z.literal(seconds))).optional(),
    })
    .optional(),
};

/** `GET /services`. */
export const listServices = {
  summary: 'List services',
  api: 'rest',
  method: 'GET',
  path: '/services',
  request: z.strictObject({
    query: z
      .strictObject({
        ...pageQuery,
        query: z.string().min(1).optional(),
        name: z.string().min(1).optional(),
        'team_ids[]': z.array(Id).min(1).optional(),
        time_zone: z.string().optional(),
        sort_by: z.enum(['name', 'name:asc', 'name:desc']).optional(),
        'include[]': includes.optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ services: z.array(Service), ...pageFields }),
  scope: 'services.read',
  token: 'any',
  from: 'none',
  paging: { style: 'offset', items: 'services' },
  bucket: 'account',
  webhooks: [],
  actions: views('services.view', brings),
  narrows: {
    by: { teams: 'team_ids[]' },
    shows: {
      services: idOf,
      teams: teamsOf,
      policies: ({ escalation_policy }: Service) => [escalation_policy?.id],
    },
  },
  touches: listWithin({ teams: 'team_ids[]' }),
  repeat: 'safe',
} as const satisfies Endpoint;

/** `GET /services/{id}`. `status` is `maintenance` while a maintenance window is open. */
export const getService = {
  summary: 'Read a service',
  api: 'rest',
  method: 'GET',
  path: '/services/{id}',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    query: z.strictObject({ 'include[]': includes.optional() }).optional(),
  }),
  response: ServiceAnswer,
  scope: 'services.read',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  actions: views('services.view', brings),
  touches: theService,
  repeat: 'safe',
} as const satisfies Endpoint;

/** The request of `createService`. */
export interface CreateService {
  readonly body: {
    readonly service: { readonly name: string; readonly escalation_policy: { readonly id: string } };
  };
}

/** `POST /services`. Names are unique in an account: a name that is taken is a 400. */
export const createService = {
  summary: 'Create a service',
  api: 'rest',
  method: 'POST',
  path: '/services',
  request: z.strictObject({
    body: z.strictObject({
      service: z.strictObject({
        ...settings,
        type: z.literal('service'),
        name: Name,
        escalation_policy: referenceTo('escalation_policy_reference'),
      }),
    }),
  }),
  response: ServiceAnswer,
  scope: 'services.write',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: ['service.created'],
  actions: () => ['services.create'],
  touches: ({ body }: CreateService) => [
    { kind: 'escalation policy', id: body.service.escalation_policy.id },
  ],
  repeat: {
    find: 'listServices',
    ask: ({ body }: CreateService) => ({ query: { name: body.service.name, limit: 100 } }),
    ours: ({ services }: { services: readonly Service[] }, { body }: CreateService, trace: Trace) => {
      const service = services.find(
        ({ name, escalation_policy, created_at }) =>
          isNamed(name, body.service.name) &&
          escalation_policy?.id === body.service.escalation_policy.id &&
          isSince(created_at, trace),
      );
      return service && { service };
    },
  },
  shownBy: 'answer',
} as const satisfies Endpoint;

/** The request of `updateService`. */
export interface UpdateService {
  readonly params: { readonly id: string };
  readonly body: { readonly service: { readonly escalation_policy?: { readonly id: string } | undefined } };
}

/** `PUT /services/{id}`. Only what is named changes. */
export const updateService = {
  summary: 'Update a service',
  api: 'rest',
  method: 'PUT',
  path: '/services/{id}',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    body: z.strictObject({
      service: z
        .strictObject({ ...settings, type: z.literal('service') })
        .refine((service) => Object.keys(service).some((field) => field !== 'type'), 'nothing to change'),
    }),
  }),
  response: ServiceAnswer,
  scope: 'services.write',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: ['service.updated'],
  actions: () => ['services.update'],
  touches: (request: UpdateService): readonly Touch[] => {
    const { escalation_policy } = request.body.service;
    const target = escalation_policy && ({ kind: 'escalation policy', id: escalation_policy.id } as const);
    return [...theService(request), ...(target ? [target] : [])];
  },
  // Sent twice it would leave what it left once, but for what people set meanwhile.
  repeat: {
    find: 'getService',
    ask: ({ params }: UpdateService) => ({ params }),
    ours: (found: { readonly service: Service }, { body }: UpdateService) =>
      Object.entries(body.service).every(
        ([field, value]) => field === 'type' || showsAs(value, found.service[field]),
      )
        ? found
        : undefined,
  },
  shownBy: 'answer',
} as const satisfies Endpoint;

function theService(request: { readonly params: { readonly id: string } }): readonly Touch[] {
  return [{ kind: 'service', id: request.params.id }];
}
