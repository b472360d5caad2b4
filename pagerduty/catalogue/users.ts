import { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { Id, pageFields, pageQuery } from './wire.ts';

/** A user. The calendar addresses are bearer credentials, so they end here. */
export const User = z
  .looseObject({
    id: z.string(),
    name: z.string().nullish(),
    email: z.string().nullish(),
    role: z.string().nullish(),
  })
  .transform(({ http_cal_url: _http, web_cal_url: _web, ...user }) => user);
export type User = z.output<typeof User>;

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
        'include[]': z
          .array(z.enum(['contact_methods', 'notification_rules', 'teams', 'subdomains']))
          .min(1)
          .optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ users: z.array(User), ...pageFields }),
  scope: 'users.read',
  from: 'none',
  paging: { style: 'offset', items: 'users' },
  actions: () => ['users.view'],
  touches: () => [{ kind: 'list', within: {} }],
  repeat: 'safe',
} as const satisfies Endpoint;
