import type { WebhookEvent } from '../pagerduty/catalogue/endpoint.ts';
import type { Cause, Incident, Note, Service } from './model.ts';
import { agentReference, type Head } from './wire/references.ts';
import { plainView } from './wire/view.ts';
import {
  writeBridgeForWebhook,
  writeIncidentForWebhook,
  writeNoteForWebhook,
  writeServiceForWebhook,
} from './wire/webhook.ts';
import { known, teamsOf, type World } from './world.ts';

/** Something that webhooks tell of. */
export interface Happening {
  readonly type: WebhookEvent;
  /** What it happened to: deliveries about one thing keep their order. */
  readonly resource: { readonly type: 'incident' | 'service' | 'pagey'; readonly id: string };
  readonly serviceId: string | null;
  readonly teamIds: readonly string[];
  /** Null where nobody did it: time passed. */
  readonly agent: Head | null;
  /** As it is sent, written at the instant it happened. */
  readonly data: unknown;
  /** The only one to be told. */
  readonly subscriptionId?: string;
}

export function tellOfIncident(world: World, type: WebhookEvent, incident: Incident, cause: Cause): void {
  tell(world, type, incident, cause, () => writeIncidentForWebhook(plainView(world), incident));
}

export function tellOfNote(world: World, incident: Incident, note: Note, cause: Cause): void {
  tell(world, 'incident.annotated', incident, cause, () =>
    writeNoteForWebhook(plainView(world), incident, note),
  );
}

export function tellOfBridge(world: World, incident: Incident, cause: Cause): void {
  tell(world, 'incident.conference_bridge.updated', incident, cause, () =>
    writeBridgeForWebhook(plainView(world), incident),
  );
}

export function tellOfService(
  world: World,
  type: 'service.created' | 'service.updated',
  service: Service,
  cause: Cause | null,
): void {
  if (!world.isHeard) return;
  world.tell({
    type,
    resource: { type: 'service', id: service.id },
    serviceId: service.id,
    teamIds: teamsOf(known(world.policies, service.policyId)),
    agent: cause && agentReference(plainView(world), cause.agent),
    data: writeServiceForWebhook(plainView(world), service),
  });
}

function tell(world: World, type: WebhookEvent, incident: Incident, cause: Cause, data: () => unknown): void {
  if (!world.isHeard) return;
  const { id, serviceId, teamIds } = incident;
  world.tell({
    type,
    resource: { type: 'incident', id },
    serviceId,
    teamIds,
    agent: cause.channel === 'timeout' ? null : agentReference(plainView(world), cause.agent),
    data: data(),
  });
}
