import type { Company, Credential, Schedule, Service, User } from '../model.ts';
import type { Data, ServiceData } from './format.ts';

/** What a data file says of the account, as the simulator holds it. Overrides in minutes from now are not among it. */
export const companyOf = (data: Data): Company => ({
  domain: data.domain,
  missingAbilities: data.missing_abilities,
  users: data.users.map(userOf),
  teams: data.teams.map(({ default_role, parent, members, ...team }) => ({
    ...team,
    defaultRole: default_role,
    parentId: parent,
    members: members.map(({ user, role }) => ({ userId: user, role })),
  })),
  schedules: data.schedules.map(scheduleOf),
  policies: data.escalation_policies.map((policy) => ({
    id: policy.id,
    name: policy.name,
    description: policy.description,
    teamId: policy.team,
    numLoops: policy.num_loops,
    handoffNotifications: policy.on_call_handoff_notifications,
    rules: policy.escalation_rules.map((rule, index) => ({
      id: rule.id ?? `${policy.id}R${index + 1}`,
      delayMinutes: rule.escalation_delay_in_minutes,
      targets: rule.targets.map((target) =>
        'user' in target
          ? { type: 'user' as const, id: target.user }
          : { type: 'schedule' as const, id: target.schedule },
      ),
      ...(rule.assignment_strategy === 'round_robin' ? { strategy: 'round_robin' as const } : {}),
    })),
  })),
  services: data.services.map(serviceOf),
  integrations: data.services.flatMap(({ id: serviceId, integrations }) =>
    integrations.map(({ id, name, routing_key: routingKey }, index) => ({
      id: id ?? `${serviceId}E${index + 1}`,
      name,
      serviceId,
      routingKey,
    })),
  ),
  priorities: data.priorities,
  credentials: data.credentials?.map(credentialOf) ?? usualCredentials(data),
  oauthClients: data.oauth_clients,
});

function userOf({ contact_methods, notification_rules, ...user }: Data['users'][number]): User {
  const written = contact_methods ?? [{ type: 'email' as const, label: 'Default', address: user.email }];
  const contactMethods = written.map((method, index) => ({
    ...method,
    id: method.id ?? `${user.id}C${index + 1}`,
  }));
  const usual = contactMethods.length === 0 ? [] : (['high', 'low'] as const).map(atOnce);
  const rules = notification_rules ?? usual;
  return {
    id: user.id,
    name: user.name,
    email: user.email,
    role: user.role,
    jobTitle: user.job_title,
    description: user.description,
    timeZone: user.time_zone,
    color: user.color,
    contactMethods,
    notificationRules: rules.map(({ id, contact_method, urgency, start_delay_in_minutes }, index) => ({
      id: id ?? `${user.id}N${index + 1}`,
      contactMethodId: contactMethods[contact_method - 1]?.id ?? '',
      urgency,
      delayMinutes: start_delay_in_minutes,
    })),
  };
}

const atOnce = (urgency: 'high' | 'low') => ({
  id: undefined,
  contact_method: 1,
  urgency,
  start_delay_in_minutes: 0,
});

const scheduleOf = (schedule: Data['schedules'][number]): Schedule => ({
  id: schedule.id,
  name: schedule.name,
  description: schedule.description,
  timeZone: schedule.time_zone,
  kind: schedule.kind,
  layers: schedule.layers.map((layer, index) => ({
    id: layer.id ?? `${schedule.id}L${index + 1}`,
    name: layer.name ?? `Layer ${index + 1}`,
    start: layer.start,
    end: layer.end,
    virtualStart: layer.rotation_virtual_start ?? layer.start,
    turnSeconds: layer.rotation_turn_length_seconds,
    userIds: layer.users,
    restrictions: layer.restrictions.map((restriction) => ({
      weekday: restriction.type === 'weekly_restriction' ? restriction.start_day_of_week : null,
      startSecond: restriction.start_time_of_day,
      durationSeconds: restriction.duration_seconds,
    })),
  })),
  overrides: schedule.overrides.flatMap((override, index) =>
    'start' in override
      ? [
          {
            id: `${schedule.id}O${index + 1}`,
            userId: override.user,
            start: override.start,
            end: override.end,
          },
        ]
      : [],
  ),
});

const serviceOf = (service: ServiceData): Service => ({
  id: service.id,
  name: service.name,
  description: service.description,
  createdAt: service.created_at,
  policyId: service.escalation_policy,
  urgencyRule:
    typeof service.urgency === 'string'
      ? service.urgency
      : { during: service.urgency.during_support_hours, outside: service.urgency.outside_support_hours },
  supportHours: service.support_hours && {
    timeZone: service.support_hours.time_zone,
    startSecond: service.support_hours.start_time,
    endSecond: service.support_hours.end_time,
    weekdays: service.support_hours.days_of_week,
  },
  raisesUrgencyAt: service.raise_urgency_at,
  acknowledgementTimeout: service.acknowledgement_timeout,
  autoResolveTimeout: service.auto_resolve_timeout,
  alertCreation: service.alert_creation,
  alertGrouping: groupingOf(service),
  autoPause: {
    enabled: service.auto_pause_notifications_seconds > 0,
    timeoutSeconds: service.auto_pause_notifications_seconds,
  },
  mode: service.status === 'active' ? 'enabled' : service.status,
});

function groupingOf({ alert_grouping: grouping }: ServiceData): Service['alertGrouping'] {
  if (grouping === null) return null;
  const { type, ...config } = grouping;
  return { type, config };
}

const credentialOf = ({
  key,
  access,
  user,
  bearer,
  scopes,
  client,
}: NonNullable<Data['credentials']>[number]): Credential => ({
  key,
  access,
  userId: user,
  ...(bearer ? { scheme: 'Bearer' as const } : {}),
  ...(scopes ? { scopes } : {}),
  ...(client === undefined ? {} : { clientId: client }),
});

/** The keys that everybody knows; the user's key is the first user's. */
const usualCredentials = ({ users }: Data): readonly Credential[] => [
  { key: usualKeys.fullAccess, access: 'full', userId: null },
  { key: usualKeys.readOnly, access: 'read-only', userId: null },
  { key: usualKeys.user, access: 'full', userId: users[0]?.id ?? null },
];

export const usualKeys = {
  /** The account's; writes need `From`. */
  fullAccess: 'simulator-full-access-key',
  /** The account's; reads only. */
  readOnly: 'simulator-read-only-key',
  /** One user's own. */
  user: 'simulator-user-key',
} as const;
