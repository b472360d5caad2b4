import { z } from 'zod';
import type { Endpoint, Touch } from './endpoint.ts';
import {
  type Brings,
  Id,
  idOf,
  isNamed,
  listWithin,
  Name,
  pageFields,
  pageQuery,
  Reference,
  referenceTo,
  teamsOf,
  views,
} from './wire.ts';

/** An escalation policy. A target is a user or a schedule; it may come as a reference or in full. */
export const EscalationPolicy = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  num_loops: z.number().nullish(),
  escalation_rules: z
    .array(z.looseObject({ escalation_delay_in_minutes: z.number(), targets: z.array(Reference) }))
    .nullish(),
  services: z.array(Reference).nullish(),
  teams: z.array(Reference).nullish(),
});
export type EscalationPolicy = z.output<typeof EscalationPolicy>;

const includes = z
  .array(z.enum(['services', 'teams', 'targets', 'escalation_rule_assignment_strategies']))
  .min(1);

/** A target is a user or a schedule. */
const brings: Brings = {
  services: ['services.view'],
  targets: ['users.view', 'schedules.view'],
  teams: ['teams.view'],
};

/** `GET /escalation_policies`. `user_ids[]`: policies that have any of them as a target. */
export const listEscalationPolicies = {
  summary: 'List escalation policies',
  api: 'rest',
  method: 'GET',
  path: '/escalation_policies',
  request: z.strictObject({
    query: z
      .strictObject({
        ...pageQuery,
        query: z.string().min(1).optional(),
        'user_ids[]': z.array(Id).min(1).optional(),
        'team_ids[]': z.array(Id).min(1).optional(),
        sort_by: z.enum(['name', 'name:asc', 'name:desc']).optional(),
        'include[]': includes.optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ escalation_policies: z.array(EscalationPolicy), ...pageFields }),
  scope: 'escalation_policies.read',
  token: 'any',
  from: 'none',
  paging: { style: 'offset', items: 'escalation_policies' },
  bucket: 'account',
  webhooks: [],
  actions: views('escalation_policies.view', brings),
  narrows: { by: { teams: 'team_ids[]' }, shows: { policies: idOf, teams: teamsOf } },
  touches: listWithin({ teams: 'team_ids[]' }),
  repeat: 'safe',
} as const satisfies Endpoint;

/** `GET /escalation_policies/{id}`. */
export const getEscalationPolicy = {
  summary: 'Read an escalation policy',
  api: 'rest',
  method: 'GET',
  path: '/escalation_policies/{id}',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    query: z.strictObject({ 'include[]': includes.optional() }).optional(),
  }),
  response: z.looseObject({ escalation_policy: EscalationPolicy }),
  scope: 'escalation_policies.read',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  actions: views('escalation_policies.view', brings),
  touches: (request: { params: { id: string } }) => [{ kind: 'escalation policy', id: request.params.id }],
  repeat: 'safe',
} as const satisfies Endpoint;

/** The request of `createEscalationPolicy`. */
export interface CreateEscalationPolicy {
  readonly body: {
    readonly escalation_policy: {
      readonly name: string;
      readonly teams?: readonly { readonly id: string }[] | undefined;
      readonly escalation_rules: readonly (Rule & {
        readonly targets: readonly { readonly id: string; readonly type: string }[];
      })[];
    };
  };
}

const Target = z.union(
  [referenceTo('user_reference'), referenceTo('schedule_reference'), referenceTo('schedule_v3_reference')],
  'a target is { id, type } with type user_reference, schedule_reference or schedule_v3_reference',
);

/** `POST /escalation_policies`. Names are unique; a rule waits at least a minute, with several targets three. */
export const createEscalationPolicy = {
  summary: 'Create an escalation policy',
  api: 'rest',
  method: 'POST',
  path: '/escalation_policies',
  request: z.strictObject({
    body: z.strictObject({
      escalation_policy: z.strictObject({
        type: z.literal('escalation_policy'),
        name: Name,
        description: z.string().nullable().optional(),
        num_loops: z.int().min(0).max(9).optional(),
        on_call_handoff_notifications: z.enum(['if_has_services', 'always']).optional(),
        escalation_rules: z
          .array(
            z.strictObject({
              escalation_delay_in_minutes: z.int().min(1),
              targets: z.array(Target).min(1).max(10),
              escalation_rule_assignment_strategy: z
                .strictObject({ type: z.enum(['round_robin', 'assign_to_everyone']) })
                .optional(),
            }),
          )
          .min(1)
          .max(20),
        teams: z.array(referenceTo('team_reference')).max(1).optional(),
      }),
    }),
  }),
  response: z.looseObject({ escalation_policy: EscalationPolicy }),
  scope: 'escalation_policies.write',
  token: 'any',
  from: 'optional',
  bucket: 'account',
  webhooks: [],
  actions: () => ['escalation_policies.create'],
  // Whom it will page counts as well as whose it is.
  touches: ({ body }: CreateEscalationPolicy): readonly Touch[] => {
    const { teams = [], escalation_rules } = body.escalation_policy;
    const targets = escalation_rules.flatMap((rule) => rule.targets);
    const those = (kind: 'user' | 'schedule', isIt: (type: string) => boolean): readonly Touch[] =>
      [...new Set(targets.filter(({ type }) => isIt(type)).map(({ id }) => id))].map((id) => ({ kind, id }));
    return [
      { kind: 'new escalation policy', teams: teams.map(({ id }) => id) },
      ...those('user', (type) => type === 'user_reference'),
      ...those('schedule', (type) => type !== 'user_reference'),
    ];
  },
  repeat: {
    find: 'listEscalationPolicies',
    ask: ({ body }: CreateEscalationPolicy) => ({
      query: { query: body.escalation_policy.name, limit: 100 },
    }),
    ours: (
      { escalation_policies }: { escalation_policies: readonly EscalationPolicy[] },
      { body }: CreateEscalationPolicy,
    ) => {
      const wanted = pathOf(body.escalation_policy.escalation_rules);
      const found = escalation_policies.find(
        ({ name, escalation_rules }) =>
          isNamed(name, body.escalation_policy.name) && pathOf(escalation_rules ?? []) === wanted,
      );
      return found && { escalation_policy: found };
    },
  },
  shownBy: 'answer',
} as const satisfies Endpoint;

interface Rule {
  readonly escalation_delay_in_minutes: number;
  readonly targets: readonly { readonly id: string }[];
}

/** Whom it goes to and after how long, level by level. */
const pathOf = (rules: readonly Rule[]): string =>
  rules
    .map(
      ({ targets, escalation_delay_in_minutes: minutes }) =>
        `${targets.map(({ id }) => id).join('+')} for ${minutes}`,
    )
    .join(' then ');
