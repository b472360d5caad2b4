import type { Alert, Incident, LogEntry, Note } from '../model.ts';
import { known } from '../world.ts';
import { agentIn, policyIn, serviceIn, userIn, writePriority } from './account.ts';
import { channelOf } from './channel.ts';
import {
  agentReference,
  alertHead,
  asReference,
  type Head,
  incidentHead,
  integrationHead,
  logEntryHead,
  userReference,
} from './references.ts';
import { teamIn } from './team.ts';
import { referencesOnly, type View } from './view.ts';

// Incidents and what hangs on them, as REST sends them. Null where the real API sends null, `[]` where it sends an empty list.

export function writeIncident(view: View, incident: Incident) {
  const { world, stamp, includes } = view;
  const priority = incident.priorityId === null ? null : known(world.priorities, incident.priorityId);
  return {
    ...incidentHead(view, incident),
    incident_number: incident.number,
    title: incident.title,
    created_at: stamp(incident.createdAt),
    updated_at: stamp(incident.updatedAt),
    status: incident.status,
    incident_key: incident.incidentKey,
    service: serviceIn(view, incident.serviceId),
    assignments: incident.assignments.map(({ at, userId }) => ({
      at: stamp(at),
      assignee: userIn(view, userId, 'assignees', 'users'),
    })),
    assigned_via: incident.assignedVia,
    last_status_change_at: stamp(incident.lastStatusChangeAt),
    last_status_change_by: agentIn(view, incident.lastStatusChangeBy, 'agents', 'users'),
    resolved_at: incident.resolvedAt === null ? null : stamp(incident.resolvedAt),
    first_trigger_log_entry: firstTriggerIn(view, incident),
    alert_counts: alertCounts(incident.alerts),
    // It has alerts, or a person made it.
    is_mergeable: true,
    incident_type: { name: incident.incidentType },
    escalation_policy: policyIn(view, incident.path.policyId),
    teams: incident.teamIds.map((id) => teamIn(view, id)),
    pending_actions: pendingActions(view, incident),
    acknowledgements: incident.acknowledgements.map(({ at, by }) => ({
      at: stamp(at),
      acknowledger: agentIn(view, by, 'acknowledgers', 'users'),
    })),
    alert_grouping: null,
    priority: priority && writePriority(view, priority),
    resolve_reason: null,
    incidents_responders: [],
    responder_requests: [],
    urgency: incident.urgency,
    ...(includes('conference_bridge') ? { conference_bridge: conferenceBridge(incident) } : {}),
    // Only an incident that a person made has a body of its own.
    ...(includes('body')
      ? { body: incident.details === null ? null : { type: 'incident_body', details: incident.details } }
      : {}),
  };
}

export function writeAlert(view: View, incident: Incident, alert: Alert) {
  const { world, stamp } = view;
  return {
    ...alertHead(view, alert),
    created_at: stamp(alert.createdAt),
    resolved_at: alert.resolvedAt === null ? null : stamp(alert.resolvedAt),
    status: alert.resolvedAt === null ? 'triggered' : 'resolved',
    alert_key: alert.key,
    service: serviceIn(view, alert.serviceId),
    first_trigger_log_entry: firstTriggerIn(view, incident),
    incident: view.includes('incidents')
      ? writeIncident(view, incident)
      : asReference(incidentHead(view, incident)),
    suppressed: false,
    severity: alert.severity,
    integration: asReference(integrationHead(view, known(world.integrations, alert.integrationId))),
    body: { type: 'alert_body', contexts: alert.contexts, details: alert.details },
  };
}

export const writeNote = (view: View, note: Note) => ({
  id: note.id,
  user: userReference(view, note.userId),
  channel: { summary: 'The PagerDuty website or APIs' },
  content: note.content,
  created_at: view.stamp(note.createdAt),
  updated_at: view.stamp(note.createdAt),
});

export const writeLogEntry = (
  view: View,
  incident: Incident,
  entry: LogEntry,
): Head & Readonly<Record<string, unknown>> => ({
  ...logEntryHead(view, entry, incident),
  created_at: view.stamp(entry.at),
  agent: agentReference(view, entry.cause.agent),
  channel: channelOf(view, entry),
  service: serviceIn(view, incident.serviceId),
  incident: view.includes('incidents')
    ? writeIncident(referencesOnly(view), incident)
    : asReference(incidentHead(view, incident)),
  teams: incident.teamIds.map((id) => teamIn(view, id)),
  contexts: entry.alert?.contexts ?? [],
  ...(entry.assigneeIds ? { assignees: entry.assigneeIds.map((id) => userReference(view, id)) } : {}),
  ...(entry.note === undefined ? {} : { note: entry.note }),
  ...(entry.type === 'trigger' ? { event_details: { description: incident.title } } : {}),
  ...(entry.acknowledgementTimeout === undefined
    ? {}
    : { acknowledgement_timeout: entry.acknowledgementTimeout }),
});

function firstTriggerIn(view: View, incident: Incident) {
  const [first] = incident.log;
  if (!first) return null;
  return view.includes('first_trigger_log_entries')
    ? writeLogEntry(referencesOnly(view), incident, first)
    : asReference(logEntryHead(view, first, incident));
}

/** In the order they will come; the end of the last level changes nothing, so it is not told. */
function pendingActions({ stamp }: View, incident: Incident) {
  return [...incident.timers]
    .filter(([type]) => type !== 'exhaust')
    .toSorted(([, a], [, b]) => a.at - b.at)
    .map(([type, { at }]) => ({ type, at: stamp(at), ...(type === 'urgency_change' ? { to: 'high' } : {}) }));
}

function alertCounts(alerts: readonly Alert[]) {
  const resolved = alerts.filter(({ resolvedAt }) => resolvedAt !== null).length;
  return { all: alerts.length, triggered: alerts.length - resolved, resolved };
}

const conferenceBridge = ({ conferenceBridge: bridge }: Incident) =>
  bridge && { conference_number: bridge.number, conference_url: bridge.url };
