import { z } from 'zod';
import type { Endpoint, Touch } from './endpoint.ts';
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
  actions: (request: { body: { event_action: 'trigger' | 'acknowledge' | 'resolve' } }) => [
    `events.${request.body.event_action}`,
  ],
  touches: theRoutingKey,
  repeat: 'keyed',
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
} as const satisfies Endpoint;

function theRoutingKey(request: { readonly routingKey: string }): readonly Touch[] {
  return [{ kind: 'routing key', name: request.routingKey }];
}
