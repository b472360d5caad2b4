import { delegateTo, escalateTo, reassign } from '../escalation.ts';
import { tellOfBridge, tellOfIncident } from '../happening.ts';
import { acknowledge, moveTo, reopen, resolve, setUrgency, unacknowledge } from '../incident-life.ts';
import { byUser, record } from '../incident-state.ts';
import { fieldsIn, isFields } from '../input.ts';
import type { Cause, ConferenceBridge, FieldChange, Incident } from '../model.ts';
import { found, Refusal } from '../refusal.ts';
import { writeIncident } from '../wire/incident.ts';
import { plainView } from '../wire/view.ts';
import type { World } from '../world.ts';
import { type Call, type Outcome, ok } from './handler.ts';
import { type Change, readChange } from './incident-change.ts';

/** Everything is checked before anything is changed: a refused request has no effect. */
export function updateIncident({ world, params, body, actor }: Call<'updateIncident'>): Outcome {
  const incident = found(world.incidents.get(params.id));
  const change = readChange(world, incident, fieldsIn(body, 'incident'));
  applyChange(world, incident, change, byUser(actor));
  return ok({ incident: writeIncident(plainView(world), incident) });
}

/** All or nothing: one member that cannot be done refuses the whole request. Incidents cannot be moved here. */
export function updateIncidents({ world, query, body, actor }: Call<'updateIncidents'>): Outcome {
  const asked = isFields(body) ? body['incidents'] : undefined;
  if (!Array.isArray(asked) || asked.length === 0) {
    throw new Refusal(2001, 'Incidents must be a list with at least one incident.');
  }
  // A gateway says this, not the API: no JSON.
  if (asked.length > maxMembers) return { status: 413 };
  const changes = asked.map((member: unknown) => {
    const { service: _, ...fields } = isFields(member) ? member : {};
    const incident = world.incidents.get(String(fields['id']));
    if (!incident) throw new Refusal(1004, `There is no incident ${String(fields['id'])}.`);
    return { incident, change: readChange(world, incident, fields) };
  });
  const { limit, offset } = query.page();
  for (const { incident, change } of changes) applyChange(world, incident, change, byUser(actor));
  const view = plainView(world);
  const incidents = changes.map(({ incident }) => writeIncident(view, incident));
  const total = query.flag('total') ? incidents.length : null;
  return ok({ incidents, limit, offset, more: false, total });
}

const maxMembers = 250;

function applyChange(world: World, incident: Incident, change: Change, cause: Cause): void {
  edit(world, incident, change, cause);
  const { status, handover } = change;
  const was = incident.status;
  // Acknowledging a resolved incident gives it to whoever does so, unless the request names somebody.
  const reopens = was === 'resolved' && (status === 'triggered' || (status === 'acknowledged' && handover));
  if (reopens) reopen(world, incident, cause);
  if (handover?.to === 'users') reassign(world, incident, handover.userIds, cause);
  if (handover?.to === 'level') escalateTo(world, incident, handover.reached, cause);
  if (handover?.to === 'policy') delegateTo(world, incident, handover.policy, handover.reached, cause);
  if (reopens) tellOfIncident(world, 'incident.reopened', incident, cause);
  else if (handover) tellOfIncident(world, handoverEvents[handover.to], incident, cause);
  if (status === 'acknowledged') acknowledge(world, incident, cause);
  if (status === 'triggered' && was === 'acknowledged') {
    // Whoever gets it has not acknowledged it: handing it on took that back already.
    if (incident.status === 'acknowledged') unacknowledge(world, incident, cause);
    else tellOfIncident(world, 'incident.unacknowledged', incident, cause);
  }
  if (status === 'resolved') resolve(world, incident, cause, change.resolution);
}

const handoverEvents = {
  users: 'incident.reassigned',
  level: 'incident.escalated',
  policy: 'incident.delegated',
} as const;

function edit(world: World, incident: Incident, change: Change, cause: Cause): void {
  const { title, priorityId, incidentType, conferenceBridge, urgency, service } = change;
  const set = (name: string, old: string | null, value: string | null) =>
    record(world, incident, 'field_value_change', cause, {
      summary: `The ${name.replaceAll('_', ' ')} was changed.`,
      changes: [{ name, old, value } satisfies FieldChange],
    });
  if (title !== undefined) {
    set('title', incident.title, title);
    incident.title = title;
  }
  if (priorityId !== undefined) {
    set('priority', incident.priorityId, priorityId);
    incident.priorityId = priorityId;
    tellOfIncident(world, 'incident.priority_updated', incident, cause);
  }
  if (incidentType !== undefined) {
    set('incident_type', incident.incidentType, incidentType);
    incident.incidentType = incidentType;
    tellOfIncident(world, 'incident.incident_type.changed', incident, cause);
  }
  if (conferenceBridge !== undefined) {
    set('conference_bridge', words(incident.conferenceBridge), words(conferenceBridge));
    incident.conferenceBridge = conferenceBridge;
    tellOfBridge(world, incident, cause);
  }
  if (service) moveTo(world, incident, service, cause);
  if (urgency) setUrgency(world, incident, urgency, cause);
}

const words = (bridge: ConferenceBridge | null): string | null =>
  bridge && [bridge.number, bridge.url].filter((part) => part !== null).join(' ');
