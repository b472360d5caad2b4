import { assignDirectly, assignLevel, letEscalate, reachNow, snapshot } from './escalation.ts';
import { tellOfIncident, tellOfNote } from './happening.ts';
import { byUser, clearTimers, record, setStatus, setTimer, timeout } from './incident-state.ts';
import type {
  Alert,
  Cause,
  ConferenceBridge,
  EscalationPolicy,
  Incident,
  Note,
  Service,
  Urgency,
  User,
} from './model.ts';
import { nextRaise } from './support-hours.ts';
import { known, teamsOf, type World } from './world.ts';

/** What opens an incident. */
export interface Opening {
  readonly service: Service;
  readonly title: string;
  readonly urgency: Urgency;
  readonly incidentKey: string | null;
  readonly cause: Cause;
  /** The service's where absent. */
  readonly policy?: EscalationPolicy;
  /** Goes to this user and to nobody after him. */
  readonly assigneeId?: string | undefined;
  readonly priorityId?: string | null;
  readonly incidentType?: string;
  readonly conferenceBridge?: ConferenceBridge | null;
  readonly details?: string | null;
  /** The alert that comes with it, made for an incident of this id. */
  readonly alertFor?: (incidentId: string) => Alert;
}

/** Opens an incident and hands it to who is on call; `undefined` where nobody is on call at all: then there is none. */
export function openIncident(world: World, opening: Opening): Incident | undefined {
  const { service, title, urgency, incidentKey, cause, assigneeId } = opening;
  const policy = opening.policy ?? known(world.policies, service.policyId);
  const reached = reachNow(world, policy);
  if (!reached && assigneeId === undefined) return undefined;
  const now = world.clock.now;
  const incident: Incident = {
    id: world.newId('Q'),
    number: world.incidents.size + 1,
    createdAt: now,
    incidentKey,
    title,
    status: 'triggered',
    urgency,
    serviceId: service.id,
    teamIds: teamsOf(policy),
    path: snapshot(policy),
    assignments: [],
    assignedVia: 'escalation_policy',
    acknowledgements: [],
    updatedAt: now,
    lastStatusChangeAt: now,
    lastStatusChangeBy: cause.agent,
    resolvedAt: null,
    priorityId: opening.priorityId ?? null,
    incidentType: opening.incidentType ?? 'incident_default',
    conferenceBridge: opening.conferenceBridge ?? null,
    details: opening.details ?? null,
    autoResolveTimeout: service.autoResolveTimeout,
    timers: new Map(),
    alerts: [],
    notes: [],
    log: [],
  };
  world.addIncident(incident);
  const alert = opening.alertFor?.(incident.id);
  if (alert) addAlert(world, incident, alert);
  record(world, incident, 'trigger', cause, {
    summary: 'Triggered through the API.',
    ...(alert ? { alert } : {}),
  });
  if (assigneeId !== undefined) assignDirectly(world, incident, [assigneeId], cause);
  else if (reached) assignLevel(world, incident, reached, 'assign', cause);
  letAutoResolve(world, incident);
  letUrgencyRise(world, incident);
  tellOfIncident(world, 'incident.triggered', incident, cause);
  return incident;
}

/**
 * Acknowledges an incident; once more restarts the time until it un-acknowledges itself. Several may acknowledge. A resolved
 * one opens again and is the acknowledging user's; otherwise the assignees stay, unless the world was made to reassign.
 */
export function acknowledge(world: World, incident: Incident, cause: Cause): void {
  const { agent } = cause;
  const reopens = incident.status === 'resolved';
  const others = incident.acknowledgements.filter(({ by }) => by.id !== agent.id);
  setStatus(world, incident, 'acknowledged', cause);
  incident.acknowledgements = [...others, { at: world.clock.now, by: agent }];
  letEscalate(world, incident);
  const { acknowledgementTimeout } = known(world.services, incident.serviceId);
  record(world, incident, 'acknowledge', cause, {
    summary: `Acknowledged by ${world.nameOf(agent)}.`,
    acknowledgementTimeout: acknowledgementTimeout || null,
  });
  if (acknowledgementTimeout) {
    setTimer(world, incident, 'unacknowledge', acknowledgementTimeout * 1000, () =>
      unacknowledge(world, incident, timeout(incident)),
    );
  }
  if (reopens) {
    letAutoResolve(world, incident);
    letUrgencyRise(world, incident);
  }
  if ((reopens || world.settings.acknowledge_reassigns) && agent.type === 'user') {
    assignDirectly(world, incident, [agent.id], cause);
  }
  tellOfIncident(world, reopens ? 'incident.reopened' : 'incident.acknowledged', incident, cause);
}

/** Back to triggered: escalation goes on from the level it had, and whoever came on call there meanwhile is added. */
export function unacknowledge(world: World, incident: Incident, cause: Cause): void {
  setStatus(world, incident, 'triggered', cause);
  const { path } = incident;
  const rule = path.rules[path.level - 1];
  if (rule && rule.strategy !== 'round_robin' && incident.assignedVia === 'escalation_policy') {
    const assigned = new Set(incident.assignments.map(({ userId }) => userId));
    const newcomers = world.onCall(rule).filter((userId) => !assigned.has(userId));
    const added = newcomers.map((userId) => ({ at: world.clock.now, userId }));
    incident.assignments = [...incident.assignments, ...added];
  }
  letEscalate(world, incident);
  const summary =
    cause.channel === 'timeout'
      ? 'Unacknowledged due to timeout.'
      : `Unacknowledged by ${world.nameOf(cause.agent)}.`;
  record(world, incident, 'unacknowledge', cause, { summary });
  tellOfIncident(world, 'incident.unacknowledged', incident, cause);
}

/** Resolves the incident and all its alerts. The resolution is kept with the log entry alone. */
export function resolve(world: World, incident: Incident, cause: Cause, resolution?: string): void {
  setStatus(world, incident, 'resolved', cause);
  clearTimers(world, incident, 'escalate', 'exhaust', 'resolve', 'urgency_change');
  incident.assignments = [];
  for (const alert of incident.alerts) closeAlert(world, alert);
  const summary =
    cause.channel === 'timeout' ? 'Resolved due to timeout.' : `Resolved by ${world.nameOf(cause.agent)}.`;
  record(world, incident, 'resolve', cause, {
    summary,
    ...(resolution === undefined ? {} : { note: resolution }),
  });
  tellOfIncident(world, 'incident.resolved', incident, cause);
}

/** Opens a resolved incident again; whom it goes to is for the caller to say next, and to tell. Its alerts stay resolved. */
export function reopen(world: World, incident: Incident, cause: Cause): void {
  setStatus(world, incident, 'triggered', cause);
  record(world, incident, 'trigger', cause, { summary: `Reopened by ${world.nameOf(cause.agent)}.` });
  letAutoResolve(world, incident);
  letUrgencyRise(world, incident);
}

export function setUrgency(world: World, incident: Incident, urgency: Urgency, cause: Cause): void {
  if (incident.urgency === urgency) return;
  const changes = [{ name: 'urgency', old: incident.urgency, value: urgency }];
  incident.urgency = urgency;
  if (incident.status !== 'resolved') {
    letEscalate(world, incident);
    letUrgencyRise(world, incident);
  }
  record(world, incident, 'urgency_change', cause, { summary: `Urgency changed to ${urgency}.`, changes });
}

/** Moves the incident and its alerts to another service; its policy and assignees stay. */
export function moveTo(world: World, incident: Incident, service: Service, cause: Cause): void {
  const changes = [{ name: 'service', old: incident.serviceId, value: service.id }];
  world.incidentIndex.changeService(incident, () => {
    incident.serviceId = service.id;
  });
  for (const alert of incident.alerts) alert.serviceId = service.id;
  const teamIds = teamsOf(known(world.policies, service.policyId));
  incident.teamIds = [...new Set([...incident.teamIds, ...teamIds])];
  record(world, incident, 'field_value_change', cause, { summary: `Moved to ${service.name}.`, changes });
  tellOfIncident(world, 'incident.service_updated', incident, cause);
}

export function addNote(world: World, incident: Incident, user: User, content: string): Note {
  const note = { id: world.newId('P'), userId: user.id, content, createdAt: world.clock.now };
  incident.notes.push(note);
  record(world, incident, 'annotate', byUser(user), {
    summary: `Note added by ${user.name}.`,
    note: content,
  });
  tellOfNote(world, incident, note, byUser(user));
  return note;
}

/** Takes the alert's key until it is closed. */
export function addAlert(world: World, incident: Incident, alert: Alert): void {
  incident.alerts.push(alert);
  world.incidentIndex.addKey(alert.key, incident);
  world.openAlerts.set(alertIndex(alert.integrationId, alert.key), alert);
}

/** Frees the alert's key for a new incident. */
export function closeAlert(world: World, alert: Alert): void {
  if (alert.resolvedAt !== null) return;
  alert.resolvedAt = world.clock.now;
  world.openAlerts.delete(alertIndex(alert.integrationId, alert.key));
}

/** Where `openAlerts` keeps an alert: keys of two integrations never meet. */
export const alertIndex = (integrationId: string, key: string): string => `${integrationId} ${key}`;

function letAutoResolve(world: World, incident: Incident): void {
  const seconds = incident.autoResolveTimeout;
  if (!seconds) return;
  setTimer(world, incident, 'resolve', seconds * 1000, () => resolve(world, incident, timeout(incident)));
}

/** What is low becomes high when the service's support hours say so. */
function letUrgencyRise(world: World, incident: Incident): void {
  clearTimers(world, incident, 'urgency_change');
  const now = world.clock.now;
  const at =
    incident.urgency === 'low' ? nextRaise(known(world.services, incident.serviceId), now) : undefined;
  if (at === undefined) return;
  setTimer(world, incident, 'urgency_change', at - now, () =>
    setUrgency(world, incident, 'high', timeout(incident)),
  );
}
