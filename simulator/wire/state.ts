import type { ChangeEvent } from '../model.ts';
import type { Delivery } from '../webhooks/deliveries.ts';
import type { World } from '../world.ts';
import { writePolicy, writePriority, writeService } from './account.ts';
import { writeIncident } from './incident.ts';
import { writeLayers, writeSchedule } from './schedule.ts';
import { writeSubscription } from './subscription.ts';
import { writeTeam } from './team.ts';
import { writeUser } from './user.ts';
import { plainView } from './view.ts';

// What the control endpoint shows of the world: PagerDuty has nothing like it.

export const writeChangeEvent = ({ at, serviceId, details, ...event }: ChangeEvent) => ({
  ...event,
  at: new Date(at).toISOString(),
  service: serviceId,
  custom_details: details,
});

export const writeDelivery = (delivery: Delivery) => ({
  id: delivery.id,
  subscription: delivery.subscriptionId,
  event_type: delivery.eventType,
  resource: delivery.resourceId,
  at: new Date(delivery.at).toISOString(),
  state: delivery.state,
  next_attempt_at: delivery.nextAttemptAt === null ? null : new Date(delivery.nextAttemptAt).toISOString(),
  attempts: delivery.attempts.map(({ at, status, error }) => ({
    at: new Date(at).toISOString(),
    status,
    error,
  })),
  body: JSON.parse(delivery.body) as unknown,
});

/** Everything there is; of the notes and the log of an incident only how many there are. */
export function writeState(world: World) {
  const view = plainView(world);
  return {
    now: new Date(world.clock.now).toISOString(),
    settings: world.settings,
    users: [...world.users.values()].map((user) => writeUser(view, user)),
    teams: [...world.teams.values()].map((team) => ({
      ...writeTeam(view, team),
      members: team.members.map(({ userId, role }) => ({ user: userId, role })),
    })),
    schedules: [...world.schedules.values()].map((schedule) => ({
      ...writeSchedule(view, schedule),
      schedule_layers: writeLayers(view, schedule, undefined),
      overrides: schedule.overrides.map(({ id, userId, start, end }) => ({
        id,
        user: userId,
        start: view.stamp(start),
        end: view.stamp(end),
      })),
    })),
    escalation_policies: [...world.policies.values()].map((policy) => writePolicy(view, policy)),
    services: [...world.services.values()].map((service) => writeService(view, service)),
    priorities: [...world.priorities.values()].map((priority) => writePriority(view, priority)),
    incidents: [...world.incidents.values()].map((incident) => ({
      ...writeIncident(view, incident),
      notes: incident.notes.length,
      log_entries: incident.log.length,
    })),
    change_events: world.changeEvents.map(writeChangeEvent),
    webhook_subscriptions: world.subscriptions.list().map((subscription) => writeSubscription(subscription)),
  };
}
