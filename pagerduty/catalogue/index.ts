import type { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import {
  createEscalationPolicy,
  getEscalationPolicy,
  listEscalationPolicies,
} from './escalation-policies.ts';
import { enqueueChangeEvent, enqueueEvent } from './events.ts';
import { createIncident, updateIncident, updateIncidents } from './incident-writes.ts';
import { getIncident, listIncidentAlerts, listIncidentLogEntries, listIncidents } from './incidents.ts';
import { createIncidentNote, listIncidentNotes } from './notes.ts';
import { listOnCalls } from './oncalls.ts';
import { createScheduleOverride, getSchedule, listSchedules } from './schedules.ts';
import { createService, getService, listServices, updateService } from './services.ts';
import { createTeam, listTeams, updateTeamUser } from './teams.ts';
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

/** Every operation there is, under PagerDuty's own `operationId`. */
export const catalogue = {
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
  // For operators alone.
  listWebhookSubscriptions,
  getWebhookSubscription,
  createWebhookSubscription,
  updateWebhookSubscription,
  deleteWebhookSubscription,
  enableWebhookSubscription,
  testWebhookSubscription,
} as const satisfies Record<string, Endpoint>;

export type Catalogue = typeof catalogue;
export type OperationName = keyof Catalogue;
export type RequestOf<Name extends OperationName> = z.input<Catalogue[Name]['request']>;
export type ResponseOf<Name extends OperationName> = z.output<Catalogue[Name]['response']>;

// A misspelt `find` does not compile.
type Looks = Extract<Catalogue[OperationName]['repeat'], { find: string }>;
type Finds = Looks['find'] | Extract<Looks, { also: readonly unknown[] }>['also'][number]['find'];
true satisfies [Exclude<Finds, OperationName>] extends [never] ? true : Exclude<Finds, OperationName>;

export const operationNames = Object.keys(catalogue) as readonly OperationName[];
