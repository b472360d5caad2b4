import { delegateTo, escalateTo, reassign } from '../escalation.ts';
import { acknowledge, moveTo, reopen, resolve, setUrgency, unacknowledge } from '../incident-life.ts';
import { byUser, record } from '../incident-state.ts';
import { fieldsIn } from '../input.ts';
import type { Cause, Incident } from '../model.ts';
import { found } from '../refusal.ts';
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

function applyChange(world: World, incident: Incident, change: Change, cause: Cause): void {
  edit(world, incident, change, cause);
  const { status, handover } = change;
  // Acknowledging a resolved incident gives it to whoever does so, unless the request names somebody.
  const reopens = status === 'triggered' || (status === 'acknowledged' && handover);
  if (incident.status === 'resolved' && reopens) reopen(world, incident, cause);
  if (handover?.to === 'users') reassign(world, incident, handover.userIds, cause);
  if (handover?.to === 'level') escalateTo(world, incident, handover.reached, cause);
  if (handover?.to === 'policy') delegateTo(world, incident, handover.policy, handover.reached, cause);
  if (status === 'acknowledged') acknowledge(world, incident, cause);
  if (status === 'triggered' && incident.status === 'acknowledged') unacknowledge(world, incident, cause);
  if (status === 'resolved') resolve(world, incident, cause, change.resolution);
}

function edit(world: World, incident: Incident, change: Change, cause: Cause): void {
  const { title, priorityId, incidentType, conferenceBridge, urgency, service } = change;
  incident.title = title ?? incident.title;
  incident.priorityId = priorityId === undefined ? incident.priorityId : priorityId;
  incident.incidentType = incidentType ?? incident.incidentType;
  incident.conferenceBridge = conferenceBridge ?? incident.conferenceBridge;
  const edited = Object.entries({ title, priority: priorityId, incidentType, conferenceBridge });
  for (const [field] of edited.filter(([, value]) => value !== undefined)) {
    record(world, incident, 'field_value_change', cause, { summary: `The ${words(field)} was changed.` });
  }
  if (service) moveTo(world, incident, service, cause);
  if (urgency) setUrgency(world, incident, urgency, cause);
}

const words = (field: string): string => field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
