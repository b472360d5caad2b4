import { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import type { User } from './users.ts';
import { Id, idOf, isNamed, listWithin, pageFields, pageQuery, referenceTo, teamsOf } from './wire.ts';

/** A team. */
export const Team = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  description: z.string().nullish(),
});
export type Team = z.output<typeof Team>;

/** `GET /teams`. */
export const listTeams = {
  summary: 'List teams',
  api: 'rest',
  method: 'GET',
  path: '/teams',
  request: z.strictObject({
    query: z.strictObject({ ...pageQuery, query: z.string().min(1).optional() }).optional(),
  }),
  response: z.looseObject({ teams: z.array(Team), ...pageFields }),
  scope: 'teams.read',
  token: 'any',
  from: 'none',
  paging: { style: 'offset', items: 'teams' },
  bucket: 'account',
  webhooks: [],
  actions: () => ['teams.view'],
  narrows: { by: {}, shows: { teams: idOf } },
  touches: listWithin({}),
  repeat: 'safe',
} as const satisfies Endpoint;

/** The request of `createTeam`. */
export interface CreateTeam {
  readonly body: { readonly team: { readonly name: string; readonly description?: string | undefined } };
}

/** `POST /teams`. Needs the ability `teams`, else 402. */
export const createTeam = {
  summary: 'Create a team',
  api: 'rest',
  method: 'POST',
  path: '/teams',
  request: z.strictObject({
    body: z.strictObject({
      team: z.strictObject({
        type: z.literal('team'),
        name: z.string().min(1).max(100),
        description: z.string().max(1024).optional(),
        default_role: z.enum(['manager', 'none']).optional(),
        parent: referenceTo('team_reference').optional(),
      }),
    }),
  }),
  response: z.looseObject({ team: Team }),
  scope: 'teams.write',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  actions: () => ['teams.create'],
  touches: () => [],
  repeat: {
    find: 'listTeams',
    ask: ({ body }: CreateTeam) => ({ query: { query: body.team.name, limit: 100 } }),
    ours: ({ teams }: { teams: readonly Team[] }, { body }: CreateTeam) => {
      const team = teams.find(
        ({ name, description }) =>
          isNamed(name, body.team.name) && (description ?? '') === (body.team.description ?? ''),
      );
      return team && { team };
    },
  },
  shownBy: 'answer',
} as const satisfies Endpoint;

/** The request of `updateTeamUser`. */
export interface UpdateTeamUser {
  readonly params: { readonly id: string; readonly user_id: string };
  readonly body?: { readonly role?: string | undefined } | undefined;
}

/** `PUT /teams/{id}/users/{user_id}`. Adds a member or changes a member's role; 204 with no body, the same however often. */
export const updateTeamUser = {
  summary: 'Add a user to a team',
  api: 'rest',
  method: 'PUT',
  path: '/teams/{id}/users/{user_id}',
  request: z.strictObject({
    params: z.strictObject({ id: Id, user_id: Id }),
    body: z.strictObject({ role: z.enum(['observer', 'responder', 'manager']).optional() }).optional(),
  }),
  response: z.unknown().transform(() => ({})),
  scope: 'teams.write',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  actions: () => ['teams.add_member'],
  touches: ({ params }: UpdateTeamUser) => [
    { kind: 'team', id: params.id },
    { kind: 'user', id: params.user_id },
  ],
  repeat: {
    find: 'getUser',
    ask: ({ params }: UpdateTeamUser) => ({
      params: { id: params.user_id },
      query: { 'include[]': ['teams'] },
    }),
    // No read that we make shows the role: a request with a role is sent again, and sets the same.
    ours: ({ user }: { readonly user: User }, { params, body }: UpdateTeamUser) =>
      body?.role === undefined && teamsOf(user).includes(params.id) ? {} : undefined,
    unseen: 'PagerDuty shows the members of a team, and not their roles',
  },
  shownBy: 'look',
} as const satisfies Endpoint;
