import type { Client } from '@temporalio/client';
import type { WebhookSubscription } from '../pagerduty/catalogue/webhook-subscriptions.ts';
import { placeIn } from '../pagerduty/secrets.ts';
import type { OperationInput, OperationResult } from '../workflows/contract.ts';
import { startRun } from './agent.ts';
import { exitOf, OncallError } from './errors.ts';
import type { Identity } from './identity.ts';
import { readPages } from './pages.ts';
import type { Subscriptions } from './subscriptions.ts';

/**
 * The subscriptions of an account, as an operator.
 * Each call throws an OncallError where the gate or PagerDuty refuses it, with the gate's sentence.
 */
export function subscriptionsAs(client: Client, operator: Identity, account: string): Subscriptions {
  const call = async (input: Omit<OperationInput, 'account'>): Promise<OperationResult> => {
    const run = await startRun(client, operator, 'runOperation', { account, ...input });
    const result = await run.result();
    if (result.outcome === 'done') return result;
    throw new OncallError([result.summary, ...result.next].join(' '), exitOf[result.outcome]);
  };
  const about = (id: string) => ({ params: { id } });
  return {
    list: async () => {
      const request = { query: { limit: 100 } };
      const { walked } = await call({ operation: 'listWebhookSubscriptions', request, all: true });
      return (walked ? await readPages(client, walked) : []) as readonly WebhookSubscription[];
    },
    create: async ({ filter, events, url, description }) => {
      const delivery_method = { type: 'http_delivery_method', url };
      const webhook_subscription = {
        type: 'webhook_subscription',
        events,
        filter,
        description,
        delivery_method,
      };
      const { response } = await call({
        operation: 'createWebhookSubscription',
        request: { body: { webhook_subscription } },
      });
      const { webhook_subscription: subscription } = response as {
        webhook_subscription: WebhookSubscription;
      };
      const file = placeIn(subscription.delivery_method.secret);
      if (file === undefined)
        throw new OncallError(
          `PagerDuty made the subscription ${subscription.id} and told no secret, so nothing that it delivers can be verified. Delete it: \`oncall webhook-subscriptions delete ${subscription.id}\`.`,
        );
      return { subscription, file };
    },
    ping: async (id) => void (await call({ operation: 'testWebhookSubscription', request: about(id) })),
    enable: async (id) => void (await call({ operation: 'enableWebhookSubscription', request: about(id) })),
    update: async (id, change) =>
      void (await call({
        operation: 'updateWebhookSubscription',
        request: { ...about(id), body: { webhook_subscription: change } },
      })),
    remove: async (id) => void (await call({ operation: 'deleteWebhookSubscription', request: about(id) })),
  };
}
