import type {
  Agent,
  EscalationPolicy,
  Integration,
  Priority,
  Service,
  Target,
  UrgencyChoice,
} from '../model.ts';
import { timeOfDay } from '../times.ts';
import { known, teamsOf } from '../world.ts';
import {
  agentReference,
  asReference,
  integrationHead,
  policyHead,
  policyReference,
  priorityHead,
  scheduleHead,
  serviceHead,
  serviceReference,
  userReference,
} from './references.ts';
import { writeSchedule } from './schedule.ts';
import { teamIn } from './team.ts';
import { writeUser } from './user.ts';
import { referencesOnly, type View } from './view.ts';

// The account's objects in full, as REST sends them; a reference in each place that `include[]` does not name.

export function writePolicy(view: View, policy: EscalationPolicy) {
  const services = [...view.world.services.values()].filter(({ policyId }) => policyId === policy.id);
  return {
    ...policyHead(view, policy),
    name: policy.name,
    description: policy.description,
    num_loops: policy.numLoops,
    on_call_handoff_notifications: policy.handoffNotifications,
    escalation_rules: policy.rules.map((rule) => ({
      id: rule.id,
      escalation_delay_in_minutes: rule.delayMinutes,
      targets: rule.targets.map((target) => targetIn(view, target)),
      ...(view.includes('escalation_rule_assignment_strategies')
        ? { escalation_rule_assignment_strategy: { type: rule.strategy ?? 'assign_to_everyone' } }
        : {}),
    })),
    services: services.map(({ id }) => serviceIn(view, id)),
    teams: teamsOf(policy).map((id) => teamIn(view, id)),
  };
}

export function writeService(view: View, service: Service) {
  const { world, stamp, includes } = view;
  const integrations = [...world.integrations.values()].filter(({ serviceId }) => serviceId === service.id);
  const newest = world.incidentIndex.newestOn(service.id);
  return {
    ...serviceHead(view, service),
    name: service.name,
    description: service.description,
    created_at: stamp(service.createdAt),
    status: world.statusOf(service),
    last_incident_timestamp: newest === null ? null : stamp(newest),
    auto_resolve_timeout: service.autoResolveTimeout,
    acknowledgement_timeout: service.acknowledgementTimeout,
    escalation_policy: policyIn(view, service.policyId),
    teams: teamsOf(known(world.policies, service.policyId)).map((id) => teamIn(view, id)),
    integrations: integrations.map((integration) => writeIntegrationIn(view, integration)),
    incident_urgency_rule: writeUrgencyRule(service),
    support_hours: writeSupportHours(service),
    scheduled_actions: service.raisesUrgencyAt.map((name) => ({
      type: 'urgency_change',
      at: { type: 'named_time', name },
      to_urgency: 'high',
    })),
    addons: [],
    alert_creation: service.alertCreation,
    alert_grouping_parameters: service.alertGrouping,
    alert_grouping: service.alertGrouping?.type ?? null,
    alert_grouping_timeout: service.alertGrouping?.config.timeout ?? null,
    response_play: null,
    ...(includes('auto_pause_notifications_parameters')
      ? {
          auto_pause_notifications_parameters: {
            enabled: service.autoPause.enabled,
            timeout: service.autoPause.timeoutSeconds,
          },
        }
      : {}),
  };
}

export const writePriority = (view: View, priority: Priority) => ({
  ...priorityHead(view, priority),
  name: priority.name,
  description: priority.description,
});

/** A user, in full where one of these names is included. */
export const userIn = (view: View, id: string, ...names: readonly string[]) =>
  names.some(view.includes)
    ? writeUser(referencesOnly(view), known(view.world.users, id))
    : userReference(view, id);

export function policyIn(view: View, id: string): object {
  const policy = known(view.world.policies, id);
  return view.includes('escalation_policies')
    ? writePolicy(referencesOnly(view), policy)
    : policyReference(view, policy);
}

export const serviceIn = (view: View, id: string): object =>
  view.includes('services')
    ? writeService(referencesOnly(view), known(view.world.services, id))
    : serviceReference(view, id);

/** Whoever did something: a user in full where one of these names is included. */
export const agentIn = (view: View, agent: Agent, ...names: readonly string[]) =>
  agent.type === 'user' ? userIn(view, agent.id, ...names) : agentReference(view, agent);

function writeIntegrationIn(view: View, integration: Integration) {
  if (!view.includes('integrations')) return asReference(integrationHead(view, integration));
  return {
    ...integrationHead(view, integration),
    name: integration.name,
    service: serviceReference(view, integration.serviceId),
    created_at: view.stamp(known(view.world.services, integration.serviceId).createdAt),
    integration_key: integration.routingKey,
    vendor: null,
  };
}

/** A user or a schedule that a rule reaches. */
function targetIn(view: View, { type, id }: Target) {
  if (type === 'user') return userIn(view, id, 'targets');
  const schedule = known(view.world.schedules, id);
  return view.includes('targets')
    ? writeSchedule(referencesOnly(view), schedule)
    : asReference(scheduleHead(view, schedule));
}

function writeUrgencyRule({ urgencyRule }: Service) {
  const constant = (urgency: UrgencyChoice) => ({ type: 'constant', urgency });
  if (typeof urgencyRule === 'string') return constant(urgencyRule);
  return {
    type: 'use_support_hours',
    during_support_hours: constant(urgencyRule.during),
    outside_support_hours: constant(urgencyRule.outside),
  };
}

const writeSupportHours = ({ supportHours: hours }: Service) =>
  hours && {
    type: 'fixed_time_per_day',
    time_zone: hours.timeZone,
    start_time: timeOfDay(hours.startSecond),
    end_time: timeOfDay(hours.endSecond),
    days_of_week: hours.weekdays,
  };
