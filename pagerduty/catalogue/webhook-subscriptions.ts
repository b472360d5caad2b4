import { z } from 'zod';
import { eventTypes } from '../webhooks.ts';
import type { Endpoint, Touch } from './endpoint.ts';
import { Id, pageFields, pageQuery, Reference } from './wire.ts';

/** A subscription. Its `secret` is told once, by the answer that creates it. */
export const WebhookSubscription = z.looseObject({
  id: z.string(),
  active: z.boolean(),
  description: z.string().nullish(),
  events: z.array(z.string()),
  filter: Reference.partial({ id: true }),
  delivery_method: z.looseObject({
    id: z.string().nullish(),
    url: z.string().nullish(),
    secret: z.string().nullish(),
    temporarily_disabled: z.boolean().nullish(),
    custom_headers: z.array(z.looseObject({ name: z.string(), value: z.string().nullish() })).nullish(),
  }),
});
export type WebhookSubscription = z.output<typeof WebhookSubscription>;

const Answer = z.looseObject({ webhook_subscription: WebhookSubscription });

const Filter = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('account_reference') }),
  z.strictObject({ type: z.enum(['service_reference', 'team_reference']), id: Id }),
]);

const settings = {
  description: z.string().max(255).optional(),
  events: z.array(z.enum(eventTypes)).min(1).optional(),
  filter: Filter.optional(),
  active: z.boolean().optional(),
};

const fixed = { api: 'rest', token: 'any', from: 'none', bucket: 'account' } as const;

/** `GET /webhook_subscriptions`. The filter's words are not those of a subscription's body: `service`, not `service_reference`. */
export const listWebhookSubscriptions = {
  ...fixed,
  summary: 'List webhook subscriptions',
  method: 'GET',
  path: '/webhook_subscriptions',
  request: z.strictObject({
    query: z
      .strictObject({
        ...pageQuery,
        filter_type: z.enum(['account', 'service', 'team']).optional(),
        filter_id: Id.optional(),
      })
      .refine(
        ({ filter_type, filter_id }) => (filter_type ?? 'account') === 'account' || filter_id !== undefined,
        {
          path: ['filter_id'],
          error: 'subscriptions of a service or a team are listed by its id',
        },
      )
      .optional(),
  }),
  response: z.looseObject({ webhook_subscriptions: z.array(WebhookSubscription), ...pageFields }),
  scope: 'webhook_subscriptions.read',
  webhooks: [],
  paging: { style: 'offset', items: 'webhook_subscriptions' },
  actions: () => ['webhook_subscriptions.view'],
  touches: () => [{ kind: 'list', within: {} }],
  repeat: 'safe',
} as const satisfies Endpoint;

/** `GET /webhook_subscriptions/{id}`. */
export const getWebhookSubscription = {
  ...fixed,
  summary: 'Read a webhook subscription',
  method: 'GET',
  path: '/webhook_subscriptions/{id}',
  request: z.strictObject({ params: z.strictObject({ id: Id }) }),
  response: Answer,
  scope: 'webhook_subscriptions.read',
  webhooks: [],
  actions: () => ['webhook_subscriptions.view'],
  touches: theSubscription,
  repeat: 'safe',
} as const satisfies Endpoint;

/** `POST /webhook_subscriptions`. Ten at most for a service, a team or the account. */
export const createWebhookSubscription = {
  ...fixed,
  summary: 'Create a webhook subscription',
  method: 'POST',
  path: '/webhook_subscriptions',
  request: z.strictObject({
    body: z.strictObject({
      webhook_subscription: z.strictObject({
        ...settings,
        type: z.literal('webhook_subscription'),
        description: z.string().max(200).optional(),
        events: z.array(z.enum(eventTypes)).min(1),
        filter: Filter,
        delivery_method: z.strictObject({ type: z.literal('http_delivery_method'), url: z.url() }),
      }),
    }),
  }),
  response: Answer,
  scope: 'webhook_subscriptions.write',
  webhooks: [],
  actions: () => ['webhook_subscriptions.manage'],
  touches: () => [],
  tellsSecret: true,
  // One that is found cannot be used: its secret was in the answer that got lost. It is told, so that it can be deleted.
  repeat: 'never',
  shownBy: 'answer',
} as const satisfies Endpoint;

/** `PUT /webhook_subscriptions/{id}`. Where it delivers to cannot be changed. */
export const updateWebhookSubscription = {
  ...fixed,
  summary: 'Update a webhook subscription',
  method: 'PUT',
  path: '/webhook_subscriptions/{id}',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    body: z.strictObject({ webhook_subscription: z.strictObject(settings) }),
  }),
  response: Answer,
  scope: 'webhook_subscriptions.write',
  webhooks: [],
  actions: () => ['webhook_subscriptions.manage'],
  touches: theSubscription,
  repeat: 'safe',
  shownBy: 'answer',
} as const satisfies Endpoint;

/** `DELETE /webhook_subscriptions/{id}`. 204 with no body. */
export const deleteWebhookSubscription = {
  ...fixed,
  summary: 'Delete a webhook subscription',
  method: 'DELETE',
  path: '/webhook_subscriptions/{id}',
  request: z.strictObject({ params: z.strictObject({ id: Id }) }),
  response: z.unknown().transform(() => ({})),
  scope: 'webhook_subscriptions.write',
  webhooks: [],
  actions: () => ['webhook_subscriptions.manage'],
  touches: theSubscription,
  repeat: 'safe',
  shownBy: 'nothing',
} as const satisfies Endpoint;

/** `POST /webhook_subscriptions/{id}/enable`. Lifts what PagerDuty switched off after three drops in a row. */
export const enableWebhookSubscription = {
  ...fixed,
  summary: 'Enable a webhook subscription',
  method: 'POST',
  path: '/webhook_subscriptions/{id}/enable',
  request: z.strictObject({ params: z.strictObject({ id: Id }) }),
  response: Answer,
  scope: 'webhook_subscriptions.write',
  webhooks: [],
  actions: () => ['webhook_subscriptions.manage'],
  touches: theSubscription,
  repeat: 'safe',
  shownBy: 'answer',
} as const satisfies Endpoint;

/** `POST /webhook_subscriptions/{id}/ping`. 202; PagerDuty delivers `pagey.ping` a moment later. */
export const testWebhookSubscription = {
  ...fixed,
  summary: 'Test a webhook subscription',
  method: 'POST',
  path: '/webhook_subscriptions/{id}/ping',
  request: z.strictObject({ params: z.strictObject({ id: Id }) }),
  response: z.unknown().transform(() => ({})),
  scope: 'webhook_subscriptions.write',
  webhooks: ['pagey.ping'],
  actions: () => ['webhook_subscriptions.manage'],
  touches: theSubscription,
  repeat: 'safe',
  shownBy: 'nothing',
} as const satisfies Endpoint;

function theSubscription(request: { readonly params: { readonly id: string } }): readonly Touch[] {
  return [{ kind: 'webhook subscription', id: request.params.id }];
}
