import { randomUUID } from 'node:crypto';
import { reachNow } from '../escalation.ts';
import { acknowledge, openIncident } from '../incident-life.ts';
import { byUser } from '../incident-state.ts';
import { type Fields, fieldsIn, isText } from '../input.ts';
import type { EscalationPolicy, Service } from '../model.ts';
import { Refusal } from '../refusal.ts';
import { urgencyOf } from '../support-hours.ts';
import { writeIncident } from '../wire/incident.ts';
import { plainView } from '../wire/view.ts';
import { known, type World } from '../world.ts';
import { type Call, created, type Outcome } from './handler.ts';
import {
  readAssignees,
  readConferenceBridge,
  readIncidentType,
  readPolicy,
  readPriority,
  readService,
  readUrgency,
} from './incident-fields.ts';

/**
 * Made by a person: it has no alert. Assigned to whoever makes it, it opens acknowledged and nobody is told (PagerDuty's
 * guide to creating incidents): an agent that pages itself pages no one.
 */
export function createIncident({ world, body, actor }: Call<'createIncident'>): Outcome {
  const asked = fieldsIn(body, 'incident');
  const { title, incident_key: key } = asked;
  if (!isText(title)) throw new Refusal(2001, 'Title cannot be empty.');
  if (title.length > longestTitle) throw new Refusal(2001, `Title is too long (maximum is ${longestTitle}).`);
  const service = readService(world, asked['service']);
  if (!service) throw new Refusal(2001, 'Service cannot be empty.');
  if (service.mode !== 'enabled') throw new Refusal(2001, `Service ${service.name} takes no incidents now.`);
  const incidentKey = readKey(world, service, key);
  const cause = byUser(actor);
  const incident = openIncident(world, {
    service,
    title,
    incidentKey,
    cause,
    ...readGoal(world, service, asked),
    urgency: readUrgency(asked['urgency']) ?? urgencyOf(service, null, world.clock.now),
    priorityId: readPriority(world, asked['priority']) ?? null,
    incidentType: readIncidentType(asked['incident_type']) ?? 'incident_default',
    conferenceBridge: readConferenceBridge(asked['conference_bridge']) ?? null,
    details: readDetails(asked['body']),
  });
  if (!incident) throw new Refusal(1015);
  if (incident.assignedVia === 'direct_assignment' && incident.assignments[0]?.userId === actor.id) {
    acknowledge(world, incident, cause);
  }
  return created({ incident: writeIncident(plainView(world), incident) });
}

/** In characters. In no source; assumed like the summary of an event. */
const longestTitle = 1024;

/** One user, or a policy on which somebody is on call: the service's where the request names none. */
function readGoal(
  world: World,
  service: Service,
  { assignments, escalation_policy: policy }: Fields,
): { readonly policy?: EscalationPolicy; readonly assigneeId?: string } {
  if (assignments && policy) {
    throw new Refusal(2001, 'Only one of assignments and escalation_policy can be given.');
  }
  if (assignments) {
    const [assigneeId, ...more] = readAssignees(world, assignments);
    if (more.length > 0) throw new Refusal(2001, 'A new incident takes one assignee.');
    return assigneeId === undefined ? {} : { assigneeId };
  }
  const wanted = policy ? readPolicy(world, policy) : known(world.policies, service.policyId);
  if (!reachNow(world, wanted)) throw new Refusal(1015);
  return { policy: wanted };
}

/** As seen live: several public clients match on the text. The key is free again once the incident is resolved. */
function readKey(world: World, service: Service, key: unknown): string {
  if (key === undefined || key === null || key === '') return randomUUID().replaceAll('-', '');
  if (typeof key !== 'string') throw new Refusal(2001, 'Incident key must be a text.');
  const isTaken = world.incidentIndex
    .byKey(key)
    .some(
      ({ incidentKey, serviceId, status }) =>
        incidentKey === key && serviceId === service.id && status !== 'resolved',
    );
  if (isTaken) {
    throw new Refusal(2002, 'Open incident with matching dedup key already exists on this service');
  }
  return key;
}

/** The published schema says object; PagerDuty takes a text alone. */
function readDetails(body: unknown): string | null {
  if (body === undefined || body === null) return null;
  const { details } = fieldsIn({ body }, 'body');
  if (details === undefined || details === null) return null;
  if (typeof details !== 'string') throw new Refusal(2001, 'Body details must be a string.');
  return details;
}
