import { createIncident } from './create-incident.ts';
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
import { getService } from './services.ts';
import { updateIncident, updateIncidents } from './update-incident.ts';
import { listUsers } from './users.ts';
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
  getService,
  listUsers,
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
