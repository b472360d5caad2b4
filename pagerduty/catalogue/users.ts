import { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import {
  type Brings,
  Id,
  listWithin,
  pageFields,
  pageQuery,
  Reference,
  referenceTo,
  teamsOf,
  views,
} from './wire.ts';

/** A user. */
export const User = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  email: z.string().nullish(),
  role: z.string().nullish(),
  teams: z.array(Reference).nullish(),
});
export type User = z.output<typeof User>;

/** Ids of the users with exactly this address: PagerDuty's search also finds parts. */
export const idsOf = (users: readonly User[], address: string): readonly string[] =>
  users.filter(({ email }) => email?.toLowerCase() === address).map(({ id }) => id);

const UserAnswer = z.looseObject({ user: User });

const includes = ['contact_methods', 'notification_rules', 'teams', 'subdomains'] as const;

const brings: Brings = { teams: ['teams.view'] };

/** `GET /users`. `query` is a substring of name or e-mail: compare for equality afterwards. */
export const listUsers = {
  summary: 'List users',
  api: 'rest',
  method: 'GET',
  path: '/users',
  request: z.strictObject({
    query: z
      .strictObject({
        ...pageQuery,
        query: z.string().min(1).optional(),
        'team_ids[]': z.array(Id).min(1).optional(),
        'include[]': z.array(z.enum(includes)).min(1).optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ users: z.array(User), ...pageFields }),
  scope: 'users.read',
  token: 'any',
  from: 'none',
  paging: { style: 'offset', items: 'users' },
  bucket: 'account',
  webhooks: [],
  actions: views('users.view', brings),
  narrows: { by: { teams: 'team_ids[]' }, shows: { teams: teamsOf } },
  touches: listWithin({ teams: 'team_ids[]' }),
  repeat: 'safe',
} as const satisfies Endpoint;

const detail = z
  .strictObject({
    'include[]': z
      .array(z.enum([...includes, 'calendar_urls']))
      .min(1)
      .optional(),
  })
  .optional();

/** `GET /users/{id}`. */
export const getUser = {
  summary: 'Read a user',
  api: 'rest',
  method: 'GET',
  path: '/users/{id}',
  request: z.strictObject({ params: z.strictObject({ id: Id }), query: detail }),
  response: UserAnswer,
  scope: 'users.read',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  actions: views('users.view', brings),
  touches: (request: { params: { id: string } }) => [{ kind: 'user', id: request.params.id }],
  repeat: 'safe',
} as const satisfies Endpoint;

/**
 * `GET /users/me`: whose the credential is. An account's key is nobody's, and gets a 400. It touches nothing by name: who it
 * will be shows only in the answer, so no condition holds of it.
 */
export const getCurrentUser = {
  summary: 'Read the user of the credential',
  api: 'rest',
  method: 'GET',
  path: '/users/me',
  request: z.strictObject({ query: detail }),
  response: UserAnswer,
  scope: 'none',
  token: 'user',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  actions: views('users.view', brings),
  touches: () => [],
  repeat: 'safe',
} as const satisfies Endpoint;

/** The request of `createUser`. */
export interface CreateUser {
  readonly body: { readonly user: { readonly name: string; readonly email: string } };
}

/** `POST /users`. E-mail addresses are unique. No invitation is sent. */
export const createUser = {
  summary: 'Create a user',
  api: 'rest',
  method: 'POST',
  path: '/users',
  request: z.strictObject({
    body: z.strictObject({
      user: z.strictObject({
        type: z.literal('user'),
        name: z.string().min(1).max(100),
        email: z.email().min(6).max(100),
        role: z
          .enum([
            'admin',
            'limited_user',
            'observer',
            'owner',
            'read_only_user',
            'restricted_access',
            'read_only_limited_user',
            'user',
          ])
          .optional(),
        time_zone: z.string().min(1).optional(),
        color: z.string().optional(),
        job_title: z.string().max(100).optional(),
        description: z.string().nullable().optional(),
        license: referenceTo('license_reference').optional(),
      }),
    }),
  }),
  response: UserAnswer,
  scope: 'users.write',
  token: 'any',
  from: 'required',
  bucket: 'account',
  webhooks: [],
  actions: () => ['users.create'],
  touches: () => [],
  repeat: {
    find: 'listUsers',
    ask: ({ body }: CreateUser) => ({ query: { query: body.user.email, limit: 100 } }),
    ours: ({ users }: { users: readonly User[] }, { body }: CreateUser) => {
      const wanted = body.user.email.toLowerCase();
      const user = users.find(
        ({ email, name }) => email?.toLowerCase() === wanted && name === body.user.name,
      );
      return user && { user };
    },
  },
  shownBy: 'answer',
} as const satisfies Endpoint;
