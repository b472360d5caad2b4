import { z } from 'zod';
import type { AlertGrouping, Service } from '../model.ts';
import { optionalText, referenceOf, textOf, timeOf, typeOf, zoneOf } from './asked.ts';

// What can be asked of a service. Absent: not asked for; on a new service that is what PagerDuty sets by itself.

const urgencyWords = 'Urgency must be high, low or severity_based.';

const Constant = z.object(
  { type: typeOf('constant'), urgency: z.enum(['high', 'low', 'severity_based'], urgencyWords) },
  urgencyWords,
);

const UrgencyRule = z.discriminatedUnion(
  'type',
  [
    Constant,
    z.object({
      type: z.literal('use_support_hours'),
      during_support_hours: Constant,
      outside_support_hours: Constant,
    }),
  ],
  'Incident urgency rule type must be constant or use_support_hours.',
);

const SupportHours = z.object(
  {
    type: typeOf('fixed_time_per_day'),
    time_zone: zoneOf('Time zone'),
    start_time: timeOf('Start time'),
    end_time: timeOf('End time'),
    days_of_week: z
      .array(z.int('Days of week must be from 1 to 7.').min(1).max(7), 'Days of week must be a list.')
      .min(1, 'Days of week cannot be empty.'),
  },
  'Support hours must be an object.',
);

const ScheduledActions = z.array(
  z.object({
    type: typeOf('urgency_change'),
    at: z.object({
      type: typeOf('named_time'),
      name: z.enum(
        ['support_hours_start', 'support_hours_end'],
        'A named time is support_hours_start or support_hours_end.',
      ),
    }),
    to_urgency: z.literal('high', 'A scheduled action can only raise the urgency to high.'),
  }),
  'Scheduled actions must be a list.',
);

const seconds = (title: string) =>
  z.int(`${title} must be a whole number of seconds.`).min(0, `${title} cannot be negative.`).nullish();

const Grouping = z
  .object({
    type: z
      .enum(['time', 'intelligent', 'content_based'], 'Alert grouping type is not included in the list.')
      .nullish(),
    config: z
      .object({
        timeout: z.int().min(0).nullish(),
        time_window: z.int().min(0).nullish(),
        aggregate: z.enum(['all', 'any']).nullish(),
        fields: z.array(z.string()).nullish(),
      })
      .nullish(),
  })
  .nullish();

const pauses = [0, 120, 180, 300, 600, 900];

export const ServiceForm = z.object({
  name: textOf('Name', 255).optional(),
  description: optionalText('Description'),
  status: z.string('Status must be active or disabled.').optional(),
  escalation_policy: referenceOf('Escalation policy').optional(),
  auto_resolve_timeout: seconds('Auto resolve timeout'),
  acknowledgement_timeout: seconds('Acknowledgement timeout'),
  alert_creation: z
    .enum(['create_alerts_and_incidents', 'create_incidents'], 'Alert creation is not included in the list.')
    .nullish(),
  alert_grouping_parameters: Grouping,
  incident_urgency_rule: UrgencyRule.nullish(),
  support_hours: SupportHours.nullish(),
  scheduled_actions: ScheduledActions.nullish(),
  auto_pause_notifications_parameters: z
    .object({
      enabled: z.boolean('Enabled must be true or false.'),
      timeout: z
        .int()
        .refine((value) => pauses.includes(value), 'Timeout is not included in the list.')
        .nullish(),
    })
    .nullish(),
});

export type AskedService = z.output<typeof ServiceForm>;

/** The service as it is asked to be; ids are the caller's to check. */
export function applyTo(service: Service, asked: AskedService): Service {
  const { name, description, support_hours: hours, auto_pause_notifications_parameters: pause } = asked;
  const { acknowledgement_timeout: acknowledgement, auto_resolve_timeout: resolve } = asked;
  return {
    ...service,
    name: name?.trim() ?? service.name,
    description: description === undefined ? service.description : description,
    acknowledgementTimeout:
      acknowledgement === undefined ? service.acknowledgementTimeout : acknowledgement || null,
    autoResolveTimeout: resolve === undefined ? service.autoResolveTimeout : resolve || null,
    alertCreation: asked.alert_creation ?? service.alertCreation,
    alertGrouping:
      asked.alert_grouping_parameters === undefined
        ? service.alertGrouping
        : groupingOf(asked.alert_grouping_parameters),
    urgencyRule: urgencyRuleOf(asked) ?? service.urgencyRule,
    supportHours:
      hours === undefined
        ? service.supportHours
        : hours && {
            timeZone: hours.time_zone,
            startSecond: hours.start_time,
            endSecond: hours.end_time,
            weekdays: hours.days_of_week,
          },
    raisesUrgencyAt: asked.scheduled_actions?.map(({ at }) => at.name) ?? service.raisesUrgencyAt,
    autoPause: pause
      ? { enabled: pause.enabled, timeoutSeconds: pause.timeout ?? service.autoPause.timeoutSeconds }
      : service.autoPause,
  };
}

function urgencyRuleOf({ incident_urgency_rule: rule }: AskedService): Service['urgencyRule'] | undefined {
  if (!rule) return undefined;
  if (rule.type === 'constant') return rule.urgency;
  return { during: rule.during_support_hours.urgency, outside: rule.outside_support_hours.urgency };
}

/** A form without a type, such as the reference that newer accounts send back, turns grouping off. */
function groupingOf(asked: z.output<typeof Grouping>): AlertGrouping | null {
  if (!asked?.type) return null;
  const set = Object.entries(asked.config ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return { type: asked.type, config: Object.fromEntries(set) };
}
