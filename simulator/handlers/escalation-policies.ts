import { z } from 'zod';
import type { EscalationPolicy, Rule, Target } from '../model.ts';
import { found, Refusal } from '../refusal.ts';
import { writePolicy } from '../wire/account.ts';
import { plainView, viewOf } from '../wire/view.ts';
import { teamsOf, type World } from '../world.ts';
import { checkNameIsFree, optionalText, readAsked, referenceOf, textOf, typeOf } from './asked.ts';
import { type Call, created, type Outcome, ok } from './handler.ts';
import { pageOf, sorted } from './lists.ts';

/** By name; `user_ids[]` are users who are targets themselves. */
export function listEscalationPolicies({ world, query }: Call<'listEscalationPolicies'>): Outcome {
  const view = viewOf(world, query);
  const part = query.text('query')?.toLowerCase() ?? '';
  const team = query.filter('team_ids[]');
  const user = query.filter('user_ids[]');
  const matching = [...world.policies.values()].filter(
    (policy) =>
      policy.name.toLowerCase().includes(part) && team(...teamsOf(policy)) && user(...usersOf(policy)),
  );
  const policies = sorted(matching, query, { name: ({ name }) => name.toLowerCase() }, 'name');
  return ok(pageOf('escalation_policies', policies, query, (policy) => writePolicy(view, policy)));
}

export function getEscalationPolicy({ world, params, query }: Call<'getEscalationPolicy'>): Outcome {
  const policy = found(world.policies.get(params.id));
  return ok({ escalation_policy: writePolicy(viewOf(world, query), policy) });
}

export function createEscalationPolicy({ world, body }: Call<'createEscalationPolicy'>): Outcome {
  const asked = readAsked(body, 'escalation_policy', PolicyForm);
  checkNameIsFree(world.policies, asked.name);
  const [teamId = null] = asked.teams ?? [];
  if (teamId !== null && world.settings.missing_abilities.includes('teams')) throw new Refusal(2014);
  if (teamId !== null && !world.teams.has(teamId)) throw new Refusal(6001);
  const policy: EscalationPolicy = {
    id: world.newId('P'),
    name: asked.name.trim(),
    description: asked.description ?? null,
    teamId,
    numLoops: asked.num_loops ?? 0,
    handoffNotifications: asked.on_call_handoff_notifications ?? 'if_has_services',
    rules: asked.escalation_rules.map((rule) => ruleOf(world, rule)),
  };
  world.policies.set(policy.id, policy);
  return created({ escalation_policy: writePolicy(plainView(world), policy) });
}

const strategies = ['round_robin', 'assign_to_everyone'] as const;
const strategyWords = 'Escalation rule assignment strategy is not included in the list.';

/** PagerDuty's schema has a text here, its example and live answers an object. */
const Strategy = z.union(
  [z.enum(strategies), z.object({ type: z.enum(strategies) }).transform(({ type }) => type)],
  strategyWords,
);

const targetTypes = [
  'user',
  'user_reference',
  'schedule',
  'schedule_reference',
  'schedule_v3',
  'schedule_v3_reference',
] as const;

const RuleForm = z
  .object({
    escalation_delay_in_minutes: z
      .int('Escalation delay in minutes must be a whole number.')
      .min(1, 'Escalation delay in minutes must be at least 1.'),
    targets: z
      .array(
        z.object({
          id: z.string('A target cannot be without an id.'),
          type: z.enum(targetTypes, 'A target must be a user_reference or a schedule_reference.'),
        }),
        'Targets cannot be empty.',
      )
      .min(1, 'Targets cannot be empty.')
      .max(10, 'A rule takes at most 10 targets.'),
    escalation_rule_assignment_strategy: Strategy.nullish(),
  })
  .refine(
    ({ targets, escalation_delay_in_minutes: delay }) => targets.length === 1 || delay >= 3,
    'Escalation delay in minutes must be at least 3 with several targets.',
  );

const PolicyForm = z.object({
  type: typeOf('escalation_policy'),
  name: textOf('Name', 255),
  description: optionalText('Description'),
  num_loops: z
    .int('Num loops must be a whole number.')
    .min(0)
    .max(9, 'Num loops must be from 0 to 9.')
    .nullish(),
  on_call_handoff_notifications: z
    .enum(['if_has_services', 'always'], 'On call handoff notifications is not included in the list.')
    .nullish(),
  escalation_rules: z
    .array(RuleForm, 'Escalation rules cannot be empty.')
    .min(1, 'Escalation rules cannot be empty.')
    .max(20, 'A policy takes at most 20 rules.'),
  teams: z.array(referenceOf('Team')).max(1, 'A policy belongs to one team at most.').nullish(),
});

function ruleOf(world: World, asked: z.output<typeof RuleForm>): Rule {
  return {
    id: world.newId('P'),
    delayMinutes: asked.escalation_delay_in_minutes,
    targets: asked.targets.map(({ id, type }) => targetOf(world, id, type)),
    ...(asked.escalation_rule_assignment_strategy === 'round_robin' ? { strategy: 'round_robin' } : {}),
  };
}

function targetOf(world: World, id: string, type: (typeof targetTypes)[number]): Target {
  const isUser = type.startsWith('user');
  if (isUser ? world.users.has(id) : world.schedules.has(id))
    return { type: isUser ? 'user' : 'schedule', id };
  throw new Refusal(2001, `There is no ${isUser ? 'user' : 'schedule'} ${id}.`);
}

const usersOf = ({ rules }: EscalationPolicy): readonly string[] =>
  rules.flatMap(({ targets }) => targets.filter(({ type }) => type === 'user').map(({ id }) => id));
