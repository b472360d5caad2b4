import type { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { enqueueEvent } from './events.ts';
import {
  createIncidentNote,
  getIncident,
  listIncidentAlerts,
  listIncidentNotes,
  listIncidents,
  updateIncident,
} from './incidents.ts';
import { listOnCalls } from './oncalls.ts';
import { getService } from './services.ts';
import { listUsers } from './users.ts';

/** Every operation there is, under PagerDuty's own `operationId`. */
export const catalogue = {
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
} as const satisfies Record<string, Endpoint>;

export type Catalogue = typeof catalogue;
export type OperationName = keyof Catalogue;
export type RequestOf<Name extends OperationName> = z.input<Catalogue[Name]['request']>;
export type ResponseOf<Name extends OperationName> = z.output<Catalogue[Name]['response']>;

// A misspelt `find` does not compile.
type Finds = Extract<Catalogue[OperationName]['repeat'], { find: string }>['find'];
true satisfies [Exclude<Finds, OperationName>] extends [never] ? true : Exclude<Finds, OperationName>;

export const operationNames = Object.keys(catalogue) as readonly OperationName[];
