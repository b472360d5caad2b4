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

/** Whose website the links lead to. */
type Account = Pick<View, 'world'>;

const web = ({ world }: Account): string => `https://${world.domain}.pagerduty.com`;

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
  (view: Account, { id, name }: { readonly id: string; readonly name: string }): Head => ({
    id,
    type,
    summary: name,
    self: `${api}/${path}/${id}`,
    html_url: webPath === null ? null : `${web(view)}/${webPath}/${id}`,
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
export const scheduleHead = (view: Account, schedule: Schedule): Head =>
  schedule.kind === 'layers'
    ? head('schedule', 'schedules')(view, schedule)
    : head('schedule_v3', 'v3/schedules', 'schedules')(view, schedule);

export const policyHead = head('escalation_policy', 'escalation_policies');
export const serviceHead = head('service', 'services', 'service-directory');
export const priorityHead = head('priority', 'priorities', null);

export const incidentHead = (view: Account, { id, number, title }: Incident): Head =>
  head('incident', 'incidents')(view, { id, name: `[#${number}] ${title}` });

export const alertHead = (view: Account, { id, incidentId, summary }: Alert): Head => ({
  id,
  type: 'alert',
  summary,
  self: `${api}/incidents/${incidentId}/alerts/${id}`,
  html_url: `${web(view)}/alerts/${id}`,
});

export const integrationHead = (view: Account, { id, name, serviceId }: Integration): Head => ({
  id,
  type: 'events_api_v2_inbound_integration',
  summary: name,
  self: `${api}/services/${serviceId}/integrations/${id}`,
  html_url: `${web(view)}/services/${serviceId}/integrations/${id}`,
});

export const logEntryHead = (view: Account, { id, type, summary }: LogEntry, incident: Incident): Head => ({
  id,
  type: `${type}_log_entry`,
  summary,
  self: `${api}/log_entries/${id}`,
  html_url: `${web(view)}/incidents/${incident.id}/log_entries/${id}`,
});

export const userReference = (view: View, id: string): Head =>
  asReference(userHead(view, known(view.world.users, id)));

export const teamReference = (view: View, id: string): Head =>
  asReference(teamHead(view, known(view.world.teams, id)));

export const serviceReference = (view: View, id: string): Head =>
  asReference(serviceHead(view, known(view.world.services, id)));

export const policyReference = (view: Account, policy: EscalationPolicy): Head =>
  asReference(policyHead(view, policy));

export const agentReference = (view: View, { type, id }: Agent): Head =>
  type === 'user' ? userReference(view, id) : serviceReference(view, id);
