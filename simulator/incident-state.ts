import type { Cause, Incident, IncidentStatus, LogEntry, LogEntryType, Service, TimerName } from './model.ts';
import type { World } from './world.ts';

// The three things every change of an incident is made of: a log entry, a status, a timer.

/** What a log entry tells beside its type and who caused it. */
export type Told = Pick<
  LogEntry,
  'summary' | 'assigneeIds' | 'note' | 'acknowledgementTimeout' | 'changes' | 'alert'
>;

/** Writes a change down in the incident's log. Every change passes here, so what is to be told of changes hangs here. */
export function record(world: World, incident: Incident, type: LogEntryType, cause: Cause, told: Told): void {
  incident.log.push({ id: world.newId('R'), type, at: world.clock.now, cause, ...told });
  incident.updatedAt = world.clock.now;
}

export function setStatus(world: World, incident: Incident, status: IncidentStatus, { agent }: Cause): void {
  if (incident.status === status) return;
  world.incidentIndex.changeStatus(incident, incident.status, status);
  incident.status = status;
  incident.lastStatusChangeAt = world.clock.now;
  incident.lastStatusChangeBy = agent;
  incident.resolvedAt = status === 'resolved' ? world.clock.now : null;
  if (status !== 'acknowledged') {
    incident.acknowledgements = [];
    clearTimers(world, incident, 'unacknowledge');
  }
}

/** Sets a timer anew; `afterMs` from now. */
export function setTimer(
  world: World,
  incident: Incident,
  name: TimerName,
  afterMs: number,
  run: () => void,
): void {
  clearTimers(world, incident, name);
  const timer = world.clock.at(world.clock.now + afterMs, () => {
    incident.timers.delete(name);
    run();
  });
  incident.timers.set(name, timer);
}

export function clearTimers(world: World, incident: Incident, ...names: readonly TimerName[]): void {
  for (const name of names) {
    const timer = incident.timers.get(name);
    if (timer) world.clock.cancel(timer);
    incident.timers.delete(name);
  }
}

/** Nobody did it: time passed. PagerDuty names the service then. */
export const timeout = ({ serviceId }: Pick<Incident, 'serviceId'>): Cause => ({
  agent: { type: 'service', id: serviceId },
  channel: 'timeout',
});

export const byUser = (user: { readonly id: string }): Cause => ({
  agent: { type: 'user', id: user.id },
  channel: 'api',
});

/** An event did it, through an integration of the service. */
export const byEvent = (service: Pick<Service, 'id'>): Cause => ({
  agent: { type: 'service', id: service.id },
  channel: 'api',
});
