import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { Reference } from './catalogue/wire.ts';
import { cleanAll } from './text.ts';

/**
 * Whether one of the secrets signed exactly these bytes: HMAC-SHA256, compared in constant time, several secrets at once while
 * one is being rotated.
 * @param header `X-PagerDuty-Signature`, one signature for each secret that holds: `v1=hex,v1=hex`.
 * @see https://developer.pagerduty.com/docs/verifying-webhook-signatures
 */
export function isSigned(body: Uint8Array, header: string | undefined, secrets: readonly string[]): boolean {
  const signatures = (header ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => /^v1=[0-9a-f]{64}$/.test(part))
    .map((part) => Buffer.from(part.slice('v1='.length), 'hex'));
  let isOne = false;
  // No early way out: how long it takes tells nothing of which one fits.
  for (const secret of secrets) {
    const ours = createHmac('sha256', secret).update(body).digest();
    for (const signature of signatures) if (timingSafeEqual(ours, signature)) isOne = true;
  }
  return isOne;
}

/** The events that PagerDuty is known to send; others may come, and are taken and left alone. A ping comes only when it is asked for. */
export const eventTypes = [
  'incident.triggered',
  'incident.acknowledged',
  'incident.unacknowledged',
  'incident.resolved',
  'incident.reopened',
  'incident.escalated',
  'incident.reassigned',
  'incident.delegated',
  'incident.priority_updated',
  'incident.incident_type.changed',
  'incident.service_updated',
  'incident.annotated',
  'incident.conference_bridge.updated',
  'incident.custom_field_values.updated',
  'incident.responder.added',
  'incident.responder.replied',
  'incident.status_update_published',
  'incident.role.assigned',
  'incident.task.created',
  'incident.task.updated',
  'incident.task.completed',
  'incident.workflow.started',
  'incident.workflow.completed',
  'incident.action_invocation.created',
  'incident.action_invocation.updated',
  'incident.action_invocation.terminated',
  'service.created',
  'service.updated',
  'service.deleted',
  'service.custom_field_values.updated',
] as const;
export type EventType = (typeof eventTypes)[number];

/** Events that an incident can bring. */
export type IncidentEvent = Extract<EventType, `incident.${string}`>;
export const incidentEvents = eventTypes.filter((type): type is IncidentEvent =>
  type.startsWith('incident.'),
);

/** Events whose data is the incident itself, so that they say which service it is of; the others name the incident alone. */
export const eventsWithService: readonly EventType[] = [
  'incident.triggered',
  'incident.acknowledged',
  'incident.unacknowledged',
  'incident.resolved',
  'incident.reopened',
  'incident.escalated',
  'incident.reassigned',
  'incident.delegated',
  'incident.priority_updated',
  'incident.incident_type.changed',
  'incident.service_updated',
];

/** Events after which whoever works on an incident or looks at a service must look again; what we subscribe to unless told otherwise. */
export const followedEvents = [
  'incident.triggered',
  'incident.acknowledged',
  'incident.unacknowledged',
  'incident.resolved',
  'incident.reopened',
  'incident.escalated',
  'incident.reassigned',
  'incident.delegated',
  'incident.annotated',
  'service.created',
  'service.updated',
] as const satisfies readonly EventType[];

const Event = z.looseObject({
  id: z.string().min(1).max(200),
  event_type: z.string().min(1).max(100),
  resource_type: z.string().nullish(),
  occurred_at: z.string(),
  agent: Reference.nullish(),
  data: z.looseObject({
    id: z.string().nullish(),
    type: z.string().nullish(),
    number: z.number().nullish(),
    status: z.string().nullish(),
    incident: Reference.nullish(),
    service: Reference.nullish(),
  }),
});

/** One webhook, its words cleaned. What it says is old news: whoever acts on it reads anew. */
export interface Webhook {
  /** The event's own id, inside what was signed: duplicates have the same. */
  readonly id: string;
  readonly type: string;
  /** When it happened, ISO 8601. */
  readonly occurredAt: string;
  /** Id of the incident it is about; absent for services and pings. */
  readonly incident?: string;
  /** Id of the service it is about, or that its incident is of, where it says so. */
  readonly service?: string;
  /** Id of the user or service who did it; absent where nobody did. */
  readonly agent?: string;
}

/** Reads the body of a delivery; `undefined` where it is no webhook at all. */
export function parseWebhook(body: Uint8Array): Webhook | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
  const parsed = z.looseObject({ event: Event }).safeParse(cleanAll(value));
  if (!parsed.success) return undefined;
  const { id, event_type: type, occurred_at: occurredAt, agent, data } = parsed.data.event;
  const incident = data.type === 'incident' ? data.id : data.incident?.id;
  const service = data.type === 'service' ? data.id : data.service?.id;
  return {
    id,
    type,
    occurredAt,
    ...(incident && { incident }),
    ...(service && { service }),
    ...(agent && { agent: agent.id }),
  };
}
