import { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { Id, Reference } from './wire.ts';

/** A service. `acknowledgement_timeout` and `auto_resolve_timeout` are seconds; null is off. */
export const Service = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string().nullish(),
  acknowledgement_timeout: z.number().nullish(),
  auto_resolve_timeout: z.number().nullish(),
  escalation_policy: Reference.nullish(),
  teams: z.array(Reference).nullish(),
});
export type Service = z.output<typeof Service>;

/** `GET /services/{id}`. `status` is `maintenance` while a maintenance window is open. */
export const getService = {
  summary: 'Read a service',
  api: 'rest',
  method: 'GET',
  path: '/services/{id}',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    query: z
      .strictObject({
        'include[]': z
          .array(
            z.enum(['escalation_policies', 'teams', 'integrations', 'auto_pause_notifications_parameters']),
          )
          .min(1)
          .optional(),
      })
      .optional(),
  }),
  response: z.looseObject({ service: Service }),
  scope: 'services.read',
  from: 'none',
  actions: () => ['services.view'],
  touches: (request: { params: { id: string } }) => [{ kind: 'service', id: request.params.id }],
  repeat: 'safe',
} as const satisfies Endpoint;
