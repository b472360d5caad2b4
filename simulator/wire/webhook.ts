import type { Incident, Note, Service } from '../model.ts';
import { known, teamsOf } from '../world.ts';
import {
  asReference,
  incidentHead,
  policyReference,
  priorityHead,
  serviceHead,
  serviceReference,
  teamReference,
  userReference,
} from './references.ts';
import type { View } from './view.ts';

// What webhooks carry. An incident there is not the incident of REST: fewer fields, and some by other names.

export function writeIncidentForWebhook(view: View, incident: Incident) {
  const { world, stamp } = view;
  const { id, self, html_url } = incidentHead(view, incident);
  return {
    id,
    type: 'incident',
    self,
    html_url,
    number: incident.number,
    status: incident.status,
    incident_key: incident.incidentKey ?? incident.alerts[0]?.key ?? null,
    created_at: stamp(incident.createdAt),
    title: incident.title,
    service: serviceReference(view, incident.serviceId),
    assignees: incident.assignments.map(({ userId }) => userReference(view, userId)),
    escalation_policy: policyReference(view, known(world.policies, incident.path.policyId)),
    teams: incident.teamIds.map((teamId) => teamReference(view, teamId)),
    priority:
      incident.priorityId === null
        ? null
        : asReference(priorityHead(view, known(world.priorities, incident.priorityId))),
    urgency: incident.urgency,
    conference_bridge: incident.conferenceBridge && {
      conference_number: incident.conferenceBridge.number,
      conference_url: incident.conferenceBridge.url,
    },
    resolve_reason: null,
    incident_type: { name: incident.incidentType },
  };
}

/** A longer note is cut, in characters; PagerDuty says that it cuts, not where. */
const longestNote = 10_000;

export const writeNoteForWebhook = (view: View, incident: Incident, { id, content }: Note) => ({
  id,
  type: 'incident_note',
  incident: asReference(incidentHead(view, incident)),
  content: content.slice(0, longestNote),
  trimmed: content.length > longestNote,
});

/** The one kind of data without an id. */
export const writeBridgeForWebhook = (view: View, incident: Incident) => ({
  type: 'incident_conference_bridge',
  incident: asReference(incidentHead(view, incident)),
  conference_numbers: incident.conferenceBridge?.number
    ? [{ label: '', number: incident.conferenceBridge.number }]
    : [],
  conference_url: incident.conferenceBridge?.url ?? null,
});

export function writeServiceForWebhook(view: View, service: Service) {
  const { id, summary, self, html_url } = serviceHead(view, service);
  const policy = known(view.world.policies, service.policyId);
  return {
    id,
    type: 'service',
    summary,
    self,
    html_url,
    alert_creation: 'create_alerts_and_incidents',
    teams: teamsOf(policy).map((teamId) => teamReference(view, teamId)),
  };
}
