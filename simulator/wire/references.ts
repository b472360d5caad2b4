import type {
  Agent,
  Alert,
  ContactMethod,
  EscalationPolicy,
  Incident,
  Integration,
  LogEntry,
  NotificationRule,
  Schedule,
} from '../model.ts';
import { known } from '../world.ts';
import type { View } from './view.ts';

const api = 'https://api.pagerduty.com';
const web = 'https://example.pagerduty.com';

/** What every object starts with, in full or as a reference. */
export interface Head {
  readonly id: string;
  readonly type: string;
  readonly summary: string;
  readonly self: string;
  readonly html_url: string | null;
}

/** The same as a reference. */
export const asReference = (head: Head): Head => ({ ...head, type: `${head.type}_reference` });

/** The head of anything that has an id and a name and lives under a path of its own. */
const head =
  (type: string, path: string, webPath: string | null = path) =>
  ({ id, name }: { readonly id: string; readonly name: string }): Head => ({
    id,
    type,
    summary: name,
    self: `${api}/${path}/${id}`,
    html_url: webPath === null ? null : `${web}/${webPath}/${id}`,
  });

export const userHead = head('user', 'users');
export const teamHead = head('team', 'teams');
export const contactMethodHead = (userId: string, { id, type, label }: ContactMethod): Head => ({
  id,
  type: `${type}_contact_method`,
  summary: label,
  self: `${api}/users/${userId}/contact_methods/${id}`,
  html_url: null,
});

export const notificationRuleHead = (userId: string, { id, delayMinutes }: NotificationRule): Head => ({
  id,
  type: 'assignment_notification_rule',
  summary: `${delayMinutes} minutes`,
  self: `${api}/users/${userId}/notification_rules/${id}`,
  html_url: null,
});

/** A schedule that moved to the shift-based kind keeps its id, under another path. */
export const scheduleHead = (schedule: Schedule): Head =>
  schedule.kind === 'layers'
    ? head('schedule', 'schedules')(schedule)
    : head('schedule_v3', 'v3/schedules', 'schedules')(schedule);
export const policyHead = head('escalation_policy', 'escalation_policies');
export const serviceHead = head('service', 'services', 'service-directory');
export const priorityHead = head('priority', 'priorities', null);

export const incidentHead = ({ id, number, title }: Incident): Head =>
  head('incident', 'incidents')({ id, name: `[#${number}] ${title}` });

export const alertHead = ({ id, incidentId, summary }: Alert): Head => ({
  id,
  type: 'alert',
  summary,
  self: `${api}/incidents/${incidentId}/alerts/${id}`,
  html_url: `${web}/alerts/${id}`,
});

export const integrationHead = ({ id, name, serviceId }: Integration): Head => ({
  id,
  type: 'events_api_v2_inbound_integration',
  summary: name,
  self: `${api}/services/${serviceId}/integrations/${id}`,
  html_url: `${web}/services/${serviceId}/integrations/${id}`,
});

export const logEntryHead = ({ id, type, summary }: LogEntry, incident: Incident): Head => ({
  id,
  type: `${type}_log_entry`,
  summary,
  self: `${api}/log_entries/${id}`,
  html_url: `${web}/incidents/${incident.id}/log_entries/${id}`,
});

export const userReference = ({ world }: View, id: string): Head =>
  asReference(userHead(known(world.users, id)));

export const teamReference = ({ world }: View, id: string): Head =>
  asReference(teamHead(known(world.teams, id)));

export const serviceReference = ({ world }: View, id: string): Head =>
  asReference(serviceHead(known(world.services, id)));

export const policyReference = (policy: EscalationPolicy): Head => asReference(policyHead(policy));

export const agentReference = (view: View, { type, id }: Agent): Head =>
  type === 'user' ? userReference(view, id) : serviceReference(view, id);
