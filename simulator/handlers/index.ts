import { enqueueEvent } from './events.ts';
import type { Handlers } from './handler.ts';
import {
  createIncidentNote,
  getIncident,
  listIncidentAlerts,
  listIncidentNotes,
  listIncidents,
} from './incidents.ts';
import { listOnCalls } from './oncalls.ts';
import { getService } from './services.ts';
import { updateIncident } from './update-incident.ts';
import { listUsers } from './users.ts';

/** What each operation does, by PagerDuty's own `operationId`. */
export const handlers: Handlers = {
  listIncidents,
  getIncident,
  updateIncident,
  listIncidentNotes,
  createIncidentNote,
  listIncidentAlerts,
  getService,
  listUsers,
  listOnCalls,
  enqueueEvent,
};
