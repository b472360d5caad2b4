import { z } from 'zod';
import { type Endpoint, isSince, type Touch, type Trace } from './endpoint.ts';
import type { Alert, Incident, LogEntry } from './incidents.ts';
import { Instant } from './wire.ts';

const Payload = z.strictObject({
  summary: z.string().min(1).max(1024),
  source: z.string().min(1),
  severity: z.enum(['critical', 'error', 'warning', 'info']),
  timestamp: Instant.optional(),
  component: z.string().optional(),
  group: z.string().optional(),
  class: z.string().optional(),
  custom_details: z.record(z.string(), z.unknown()).optional(),
});

const Link = z.strictObject({ href: z.string().min(1), text: z.string().optional() });
const Image = z.strictObject({
  src: z.string().min(1),
  href: z.string().optional(),
  alt: z.string().optional(),
});

const Event = z
  .strictObject({
    event_action: z.enum(['trigger', 'acknowledge', 'resolve']),
    dedup_key: z.string().min(1).max(255),
    payload: Payload.optional(),
    client: z.string().optional(),
    client_url: z.string().optional(),
    links: z.array(Link).optional(),
    images: z.array(Image).optional(),
  })
  .refine((event) => event.event_action !== 'trigger' || event.payload !== undefined, {
    path: ['payload'],
    error: 'a trigger needs a payload with summary, source and severity',
  });

/** The request of `enqueueEvent`. */
export interface EnqueueEvent {
  readonly routingKey: string;
  readonly body: {
    readonly event_action: 'trigger' | 'acknowledge' | 'resolve';
    readonly dedup_key: string;
  };
}

export interface Found {
  readonly incidents: readonly Incident[];
}

/**
 * `POST /v2/enqueue`. The routing key travels by its name in the configuration, and `dedup_key` is demanded: without one
 * PagerDuty makes up a new key at every repeat. 202 means queued, nothing more: an acknowledge or resolve whose key has no
 * open alert is accepted and dropped.
 */
export const enqueueEvent = {
  summary: 'Send an event',
  api: 'events',
  method: 'POST',
  path: '/v2/enqueue',
  request: z.strictObject({ routingKey: z.string().min(1), body: Event }),
  response: z.looseObject({
    status: z.string(),
    message: z.string().nullish(),
    dedup_key: z.string().nullish(),
  }),
  scope: 'routing key',
  token: 'routing key',
  from: 'none',
  bucket: 'routing key',
  webhooks: ['incident.triggered', 'incident.acknowledged', 'incident.resolved'],
  actions: (request: EnqueueEvent) => [`events.${request.body.event_action}`],
  touches: theRoutingKey,
  // Sent again while its alert is open it changes nothing, and after that it would open, or close, another.
  repeat: {
    find: 'listIncidents',
    ask: ({ body }: EnqueueEvent) => ({
      query: { incident_key: body.dedup_key, date_range: 'all', sort_by: 'created_at:desc', limit: 100 },
    }),
    ours: ({ incidents }: Found, { body }: EnqueueEvent, trace: Trace) =>
      incidents.some((incident) => showsEvent(incident, body.event_action, trace))
        ? answerTo(body)
        : undefined,
    also: [
      {
        find: 'listIncidentLogEntries',
        ask: (_request: EnqueueEvent, { since }: Trace, { incidents: [newest] }: Found) =>
          newest && { params: { id: newest.id }, query: { since, limit: 100 } },
        ours: (
          { log_entries }: { readonly log_entries: readonly LogEntry[] },
          { body }: EnqueueEvent,
          trace: Trace,
        ) =>
          log_entries.some(
            ({ type, created_at }) => type === `${body.event_action}_log_entry` && isSince(created_at, trace),
          )
            ? answerTo(body)
            : undefined,
      },
      {
        find: 'listIncidentAlerts',
        ask: ({ body }: EnqueueEvent, _trace: Trace, { incidents: [newest] }: Found) =>
          newest &&
          body.event_action === 'resolve' && {
            params: { id: newest.id },
            query: { alert_key: body.dedup_key, limit: 100 },
          },
        ours: ({ alerts }: { readonly alerts: readonly Alert[] }, { body }: EnqueueEvent, trace: Trace) =>
          alerts.some(
            ({ alert_key, resolved_at }) =>
              alert_key === body.dedup_key && typeof resolved_at === 'string' && isSince(resolved_at, trace),
          )
            ? answerTo(body)
            : undefined,
      },
    ],
    seenWithinMs: 20_000,
    unseen:
      'no incident shows it; PagerDuty drops an acknowledge or resolve whose key has no open alert here, and what comes to a service that is off',
  },
  shownBy: 'look',
} as const satisfies Endpoint;

/**
 * `POST /v2/change/enqueue`. What happened to a service, such as a release; pages nobody. Has no key and shows up in no
 * read, so that a send without an answer is never repeated.
 */
export const enqueueChangeEvent = {
  summary: 'Announce a change',
  api: 'events',
  method: 'POST',
  path: '/v2/change/enqueue',
  request: z.strictObject({
    routingKey: z.string().min(1),
    body: z.strictObject({
      payload: z.strictObject({
        summary: z.string().min(1).max(1024),
        source: z.string().min(1).optional(),
        timestamp: Instant.optional(),
        custom_details: z.record(z.string(), z.unknown()).optional(),
      }),
      links: z.array(Link).optional(),
      images: z.array(Image).optional(),
    }),
  }),
  response: z.looseObject({ status: z.string(), message: z.string().nullish() }),
  scope: 'routing key',
  token: 'routing key',
  from: 'none',
  bucket: 'routing key',
  webhooks: [],
  actions: () => ['events.announce_change'],
  touches: theRoutingKey,
  repeat: 'never',
  shownBy: 'nothing',
} as const satisfies Endpoint;

/** Whether an incident shows what an event asked for, since then. */
function showsEvent(incident: Incident, action: EnqueueEvent['body']['event_action'], trace: Trace): boolean {
  switch (action) {
    case 'trigger':
      return isSince(incident.created_at, trace);
    case 'acknowledge':
      return incident.status === 'acknowledged' && isSince(incident.last_status_change_at, trace);
    case 'resolve':
      return incident.status === 'resolved' && isSince(incident.last_status_change_at, trace);
  }
}

/** What PagerDuty answers to an event that it takes. */
const answerTo = ({ dedup_key }: EnqueueEvent['body']) => ({ status: 'success', dedup_key });

function theRoutingKey(request: { readonly routingKey: string }): readonly Touch[] {
  return [{ kind: 'routing key', name: request.routingKey }];
}
