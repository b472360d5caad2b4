import { webhookSecretsIn } from '../gate/webhook-secrets.ts';
import { followedEvents } from '../pagerduty/webhooks.ts';
import { OncallError } from './errors.ts';
import { simulatorSecrets } from './local-world.ts';

/**
 * Subscribes a receiver with a simulator that has just started, and keeps the secret where the receiver finds it. Of an earlier
 * simulator nothing is left, so its secrets are forgotten.
 */
export async function subscribeLocally(simulatorUrl: string, home: string, url: string): Promise<void> {
  const secrets = webhookSecretsIn(home, 'main');
  for (const { subscription } of secrets.list()) secrets.forget(subscription);
  const answer = await fetch(`${simulatorUrl}/webhook_subscriptions`, {
    method: 'POST',
    headers: {
      accept: 'application/vnd.pagerduty+json;version=2',
      authorization: `Token token=${simulatorSecrets.PAGERDUTY_API_TOKEN}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      webhook_subscription: {
        type: 'webhook_subscription',
        description: 'oncall dev',
        events: followedEvents,
        filter: { type: 'account_reference' },
        delivery_method: { type: 'http_delivery_method', url },
      },
    }),
  });
  if (!answer.ok)
    throw new OncallError(`The simulator did not take the subscription: ${await answer.text()}`);
  const { webhook_subscription: made } = (await answer.json()) as {
    webhook_subscription: { id: string; delivery_method: { secret: string } };
  };
  secrets.keep(made.id, made.delivery_method.secret);
}
