import type { Subscription } from '../webhooks/subscription.ts';

/** As REST sends it: header values never, and the secret in the one answer that is given it. */
export const writeSubscription = (subscription: Subscription, secret: string | null = null) => ({
  id: subscription.id,
  type: 'webhook_subscription',
  active: subscription.active,
  description: subscription.description,
  events: subscription.events,
  filter: { ...subscription.filter, type: `${subscription.filter.type}_reference` },
  delivery_method: {
    id: subscription.deliveryMethodId,
    type: 'http_delivery_method',
    url: subscription.url,
    secret,
    temporarily_disabled: subscription.disabledUntil !== null,
    custom_headers: subscription.customHeaders.map(({ name }) => ({ name, value: '-- redacted --' })),
  },
  oauth_client: null,
});
