import { acknowledge, alertIndex, closeAlert, openIncident, resolve } from './incident-life.ts';
import { byEvent, record } from './incident-state.ts';
import type { Alert, Context, EventFields, Incident, Integration, Severity } from './model.ts';
import { urgencyOf } from './support-hours.ts';
import { known, type World } from './world.ts';

/** A trigger event, checked. */
export interface Trigger {
  readonly key: string;
  readonly summary: string;
  readonly severity: Severity;
  readonly details: unknown;
  readonly contexts: readonly Context[];
  readonly event?: EventFields;
}

/**
 * A trigger comes in: a new alert with an incident of its own, or a line in the log where an alert with this key is open
 * here. Nothing at all where the service is disabled or in maintenance, or where nobody is on call.
 */
export function trigger(world: World, integration: Integration, event: Trigger): void {
  const open = world.openAlerts.get(alertIndex(integration.id, event.key));
  if (open) return triggerAgain(world, open);
  const service = known(world.services, integration.serviceId);
  if (service.mode !== 'enabled') return;
  const alertFor = (incidentId: string): Alert => ({
    ...event,
    id: world.newId('Q'),
    incidentId,
    integrationId: integration.id,
    serviceId: service.id,
    createdAt: world.clock.now,
    resolvedAt: null,
  });
  openIncident(world, {
    service,
    title: event.summary,
    urgency: urgencyOf(service, event.severity, world.clock.now),
    incidentKey: null,
    cause: byEvent(service),
    alertFor,
  });
}

/** Acknowledges the incident of the open alert with this key; dropped where there is none here. */
export function acknowledgeByKey(world: World, integration: Integration, key: string): void {
  const alert = world.openAlerts.get(alertIndex(integration.id, key));
  if (alert) acknowledge(world, incidentOf(world, alert), byEvent({ id: alert.serviceId }));
}

/** Resolves the open alert with this key, and the incident with its last one; dropped where there is none here. */
export function resolveByKey(world: World, integration: Integration, key: string): void {
  const alert = world.openAlerts.get(alertIndex(integration.id, key));
  if (!alert) return;
  const incident = incidentOf(world, alert);
  closeAlert(world, alert);
  if (incident.alerts.every(({ resolvedAt }) => resolvedAt !== null)) {
    resolve(world, incident, byEvent({ id: alert.serviceId }));
  }
}

/** After this many triggers on one open incident PagerDuty stops writing them down. */
const maxTriggerEntries = 100;

function triggerAgain(world: World, alert: Alert): void {
  const incident = incidentOf(world, alert);
  const cause = byEvent({ id: alert.serviceId });
  const triggers = incident.log.filter(({ type }) => type === 'trigger').length;
  if (triggers < maxTriggerEntries) {
    record(world, incident, 'trigger', cause, {
      summary: 'Triggered again through the API.',
      alert,
    });
  } else if (!incident.log.some(({ type }) => type === 'reach_trigger_limit')) {
    record(world, incident, 'reach_trigger_limit', cause, { summary: 'Further triggers are not logged.' });
  }
}

const incidentOf = (world: World, alert: Alert): Incident => known(world.incidents, alert.incidentId);
