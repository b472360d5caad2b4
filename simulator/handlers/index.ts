import { createIncident } from './create-incident.ts';
import {
  createEscalationPolicy,
  getEscalationPolicy,
  listEscalationPolicies,
} from './escalation-policies.ts';
import { enqueueChangeEvent, enqueueEvent } from './events.ts';
import type { Handlers } from './handler.ts';
import {
  createIncidentNote,
  getIncident,
  listIncidentAlerts,
  listIncidentNotes,
  listIncidents,
} from './incidents.ts';
import { listIncidentLogEntries } from './log-entries.ts';
import { listOnCalls } from './oncalls.ts';
import { createScheduleOverride, getSchedule, listSchedules } from './schedules.ts';
import { createService, getService, listServices, updateService } from './services.ts';
import { createTeam, listTeams, updateTeamUser } from './teams.ts';
import { updateIncident, updateIncidents } from './update-incident.ts';
import { createUser, getCurrentUser, getUser, listUsers } from './users.ts';
import {
  createWebhookSubscription,
  deleteWebhookSubscription,
  enableWebhookSubscription,
  getWebhookSubscription,
  listWebhookSubscriptions,
  testWebhookSubscription,
  updateWebhookSubscription,
} from './webhook-subscriptions.ts';

/** What each operation does, by PagerDuty's own `operationId`. */
export const handlers: Handlers = {
  listIncidents,
  getIncident,
  createIncident,
  updateIncident,
  updateIncidents,
  listIncidentNotes,
  createIncidentNote,
  listIncidentAlerts,
  listIncidentLogEntries,
  listServices,
  getService,
  createService,
  updateService,
  listSchedules,
  getSchedule,
  createScheduleOverride,
  listEscalationPolicies,
  getEscalationPolicy,
  createEscalationPolicy,
  listUsers,
  getUser,
  getCurrentUser,
  createUser,
  listTeams,
  createTeam,
  updateTeamUser,
  listOnCalls,
  enqueueEvent,
  enqueueChangeEvent,
  listWebhookSubscriptions,
  getWebhookSubscription,
  createWebhookSubscription,
  updateWebhookSubscription,
  deleteWebhookSubscription,
  enableWebhookSubscription,
  testWebhookSubscription,
};
