import type {
  Agent,
  EscalationPolicy,
  Integration,
  Priority,
  Rule,
  Schedule,
  Service,
  Team,
  User,
} from '../model.ts';
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
  teamHead,
  teamReference,
  userHead,
  userReference,
} from './references.ts';
import { referencesOnly, type View } from './view.ts';

// The account's objects in full, as REST sends them; a reference in each place that `include[]` does not name.

export const writeUser = (view: View, user: User) => ({
  ...userHead(user),
  name: user.name,
  email: user.email,
  time_zone: user.timeZone,
  color: 'purple',
  avatar_url: 'https://secure.gravatar.com/avatar/00000000000000000000000000000000.png?d=mm&r=PG',
  role: user.role,
  description: null,
  invitation_sent: false,
  job_title: user.jobTitle,
  created_via_sso: false,
  teams: user.teamIds.map((id) => teamIn(view, id)),
  contact_methods: [],
  notification_rules: [],
});

export const writeTeam = (team: Team) => ({
  ...teamHead(team),
  name: team.name,
  description: team.description,
  parent: null,
  default_role: 'manager',
});

export function writeSchedule(view: View, schedule: Schedule) {
  const policies = [...view.world.policies.values()].filter(({ rules }) => targets(rules, schedule.id));
  return {
    ...scheduleHead(schedule),
    name: schedule.name,
    description: schedule.description,
    time_zone: schedule.timeZone,
    escalation_policies: policies.map(policyReference),
    users: [...new Set(schedule.rotation.userIds)].map((id) => userReference(view, id)),
    teams: [...new Set(policies.flatMap(teamsOf))].map((id) => teamReference(view, id)),
  };
}

export function writePolicy(view: View, policy: EscalationPolicy) {
  const services = [...view.world.services.values()].filter(({ policyId }) => policyId === policy.id);
  return {
    ...policyHead(policy),
    name: policy.name,
    description: policy.description,
    num_loops: policy.numLoops,
    on_call_handoff_notifications: 'if_has_services',
    escalation_rules: policy.rules.map((rule) => ({
      id: rule.id,
      escalation_delay_in_minutes: rule.delayMinutes,
      targets: rule.targets.map((target) =>
        target.type === 'user'
          ? userReference(view, target.id)
          : asReference(scheduleHead(known(view.world.schedules, target.id))),
      ),
    })),
    services: services.map(({ id }) => serviceReference(view, id)),
    teams: teamsOf(policy).map((id) => teamIn(view, id)),
  };
}

export function writeService(view: View, service: Service) {
  const { world, stamp, includes } = view;
  const integrations = [...world.integrations.values()].filter(({ serviceId }) => serviceId === service.id);
  const newest = world.incidentIndex.newestOn(service.id);
  return {
    ...serviceHead(service),
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
    incident_urgency_rule: { type: 'constant', urgency: service.urgencyRule },
    support_hours: null,
    scheduled_actions: [],
    addons: [],
    alert_creation: 'create_alerts_and_incidents',
    alert_grouping_parameters: null,
    alert_grouping: null,
    alert_grouping_timeout: null,
    response_play: null,
    ...(includes('auto_pause_notifications_parameters')
      ? { auto_pause_notifications_parameters: { enabled: false, timeout: 0 } }
      : {}),
  };
}

export const writePriority = (priority: Priority) => ({
  ...priorityHead(priority),
  name: priority.name,
  description: priority.description,
});

/** A user, in full where one of these names is included. */
export const userIn = (view: View, id: string, ...names: readonly string[]) =>
  names.some(view.includes)
    ? writeUser(referencesOnly(view), known(view.world.users, id))
    : userReference(view, id);

export const teamIn = (view: View, id: string) =>
  view.includes('teams') ? writeTeam(known(view.world.teams, id)) : teamReference(view, id);

export function policyIn(view: View, id: string) {
  const policy = known(view.world.policies, id);
  return view.includes('escalation_policies')
    ? writePolicy(referencesOnly(view), policy)
    : policyReference(policy);
}

export const serviceIn = (view: View, id: string) =>
  view.includes('services')
    ? writeService(referencesOnly(view), known(view.world.services, id))
    : serviceReference(view, id);

/** Whoever did something: a user in full where one of these names is included. */
export const agentIn = (view: View, agent: Agent, ...names: readonly string[]) =>
  agent.type === 'user' ? userIn(view, agent.id, ...names) : agentReference(view, agent);

function writeIntegrationIn(view: View, integration: Integration) {
  if (!view.includes('integrations')) return asReference(integrationHead(integration));
  return {
    ...integrationHead(integration),
    name: integration.name,
    service: serviceReference(view, integration.serviceId),
    created_at: view.stamp(known(view.world.services, integration.serviceId).createdAt),
    integration_key: integration.routingKey,
    vendor: null,
  };
}

const targets = (rules: readonly Rule[], scheduleId: string): boolean =>
  rules.some((rule) => rule.targets.some(({ type, id }) => type === 'schedule' && id === scheduleId));
