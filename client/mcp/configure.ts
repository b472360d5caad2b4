import { z } from 'zod';
import { idIn, reason, words } from './inputs.ts';
import { operate } from './operate.ts';
import { ToolError, tool } from './tool.ts';

const changes = [
  'create_service',
  'update_service',
  'create_policy',
  'create_team',
  'add_member',
  'create_user',
] as const;

const field = (what: string) => words(255).optional().describe(what);

export const configure = tool({
  name: 'pd_configure',
  title: 'Change the account',
  description:
    'Create or change what PagerDuty pages by: create_service (name, policy), update_service (service and what changes), create_policy (name, schedule or user per level), create_team (name), add_member (team, user, role), create_user (name, email, role).',
  input: z.strictObject({
    do: z.enum(changes).describe('What to change.'),
    name: field('Of what is created, or the service’s new name.'),
    description: field('Of a service, policy or team.'),
    service: field('Id of the service to update.'),
    policy: field('Id of the escalation policy of the service.'),
    levels: z
      .array(z.string().max(60))
      .min(1)
      .max(10)
      .optional()
      .describe(
        'Of a policy, first level first: user:PABC123 or schedule:PDEF456, each with minutes after a slash (user:PABC123/15); 30 where left out.',
      ),
    team: field('Id of the team.'),
    user: field('Id of the user who joins the team.'),
    email: z.email().max(100).optional().describe('Of the user to create.'),
    role: z
      .enum(['observer', 'responder', 'manager', 'user', 'limited_user', 'read_only_user'])
      .optional()
      .describe(
        'In the team: observer, responder or manager. Of a new user: user, limited_user or read_only_user.',
      ),
    acknowledgement_timeout_s: z
      .int()
      .min(0)
      .max(86_400)
      .optional()
      .describe('Of a service: after so many seconds an acknowledge is taken back; 0 is never.'),
    auto_resolve_timeout_s: z
      .int()
      .min(0)
      .max(604_800)
      .optional()
      .describe('Of a service: after so many seconds an incident resolves by itself; 0 is never.'),
    reason,
  }),
  kind: { destructive: true, repeatable: true },
  actions: [
    'services.create',
    'services.update',
    'escalation_policies.create',
    'teams.create',
    'teams.add_member',
    'users.create',
  ],
  answer: async ({ do: what, reason, ...given }, caller) => {
    const takes = fields[what];
    for (const name of Object.keys(given))
      if (given[name as keyof typeof given] !== undefined && !takes.includes(name))
        throw new ToolError(
          'invalid_input',
          `${name} says nothing about ${what}; it takes ${takes.join(', ')}.`,
        );
    const need = <Value>(name: string, value: Value | undefined): Value => {
      if (value !== undefined) return value;
      throw new ToolError('invalid_input', `${name} is missing: ${what} needs it.`);
    };
    const {
      name,
      description,
      policy,
      acknowledgement_timeout_s: unacknowledges,
      auto_resolve_timeout_s: resolves,
      role,
    } = given;
    const settings = {
      ...(description !== undefined && { description }),
      ...(unacknowledges !== undefined && { acknowledgement_timeout: unacknowledges }),
      ...(resolves !== undefined && { auto_resolve_timeout: resolves }),
    };
    const policyOf = (id: string) => ({
      id: idIn('policy', id),
      type: 'escalation_policy_reference' as const,
    });
    const words = [what, given];
    switch (what) {
      case 'create_service': {
        const service = {
          type: 'service' as const,
          name: need('name', name),
          escalation_policy: policyOf(need('policy', policy)),
          ...settings,
        };
        return operate(caller, 'createService', { body: { service } }, { reason, words });
      }
      case 'update_service': {
        const change = {
          ...settings,
          ...(name !== undefined && { name }),
          ...(policy !== undefined && { escalation_policy: policyOf(policy) }),
        };
        if (Object.keys(change).length === 0)
          throw new ToolError('invalid_input', 'Nothing to change: name what is to be another.');
        const request = {
          params: { id: idIn('service', need('service', given.service)) },
          body: { service: { type: 'service' as const, ...change } },
        };
        return operate(caller, 'updateService', request, { reason });
      }
      case 'create_policy': {
        const rules = need('levels', given.levels).map(ruleOf);
        const teams =
          given.team === undefined
            ? {}
            : { teams: [{ id: idIn('team', given.team), type: 'team_reference' as const }] };
        const escalation_policy = {
          type: 'escalation_policy' as const,
          name: need('name', name),
          escalation_rules: rules,
          ...teams,
          ...(description !== undefined && { description }),
        };
        return operate(caller, 'createEscalationPolicy', { body: { escalation_policy } }, { reason, words });
      }
      case 'create_team': {
        const team = {
          type: 'team' as const,
          name: need('name', name),
          ...(description !== undefined && { description }),
        };
        return operate(caller, 'createTeam', { body: { team } }, { reason, words });
      }
      case 'add_member': {
        if (role !== undefined && role !== 'observer' && role !== 'responder' && role !== 'manager')
          throw new ToolError('invalid_input', 'role in a team is observer, responder or manager.');
        const params = {
          id: idIn('team', need('team', given.team)),
          user_id: idIn('user', need('user', given.user)),
        };
        return operate(caller, 'updateTeamUser', { params, body: { ...(role && { role }) } }, { reason });
      }
      case 'create_user': {
        if (role === 'observer' || role === 'responder' || role === 'manager')
          throw new ToolError('invalid_input', 'role of a new user is user, limited_user or read_only_user.');
        const user = {
          type: 'user' as const,
          name: need('name', name),
          email: need('email', given.email),
          ...(role && { role }),
        };
        return operate(caller, 'createUser', { body: { user } }, { reason, words });
      }
    }
  },
});

/** What each change takes. */
const fields: Readonly<Record<(typeof changes)[number], readonly string[]>> = {
  create_service: ['name', 'description', 'policy', 'acknowledgement_timeout_s', 'auto_resolve_timeout_s'],
  update_service: [
    'service',
    'name',
    'description',
    'policy',
    'acknowledgement_timeout_s',
    'auto_resolve_timeout_s',
  ],
  create_policy: ['name', 'description', 'levels', 'team'],
  create_team: ['name', 'description'],
  add_member: ['team', 'user', 'role'],
  create_user: ['name', 'email', 'role'],
};

function ruleOf(written: string) {
  const [, kind, id = '', minutes] =
    /^(user|schedule):([A-Za-z0-9]{1,40})(?:\/(\d{1,3}))?$/.exec(written.trim()) ?? [];
  if (kind === undefined)
    throw new ToolError(
      'invalid_input',
      `levels holds ${JSON.stringify(written)}; a level is user:PABC123 or schedule:PDEF456, with /MINUTES behind it.`,
    );
  const type = kind === 'user' ? ('user_reference' as const) : ('schedule_reference' as const);
  return { escalation_delay_in_minutes: Math.max(1, Number(minutes ?? 30)), targets: [{ id, type }] };
}
