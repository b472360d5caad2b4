import type { Policy } from '../../gate/policy.ts';
import { webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import type { WebhookSubscription } from '../../pagerduty/catalogue/webhook-subscriptions.ts';
import type { Looker } from '../../pagerduty/looking.ts';
import { checkSubscriptions, eventsOf } from '../check-subscriptions.ts';
import { healthAt } from '../receiver-health.ts';
import type { Finding } from './finding.ts';
import { wordsOf } from './finding.ts';

/** Whether an account is to get webhooks: an order waits for events, or a secret of a subscription is there. */
export function expectsFeed(name: string, { accounts, standing }: Policy, home: string): boolean {
  const waits = [...standing.values()].some(({ account }) => account === name);
  return (
    waits ||
    accounts.get(name)?.webhook_secrets !== undefined ||
    webhookSecretsIn(home, name).list().length > 0
  );
}

/** Our receiver, as it says itself. */
export async function lookAtReceiver(receiver: string): Promise<readonly Finding[]> {
  const of = 'receiver';
  try {
    const { wrong } = await healthAt(receiver);
    return wrong.map((what) => ({
      of,
      what: `it says: ${wordsOf(what)}`,
      mend: 'docs/webhooks.md says what it needs',
    }));
  } catch {
    return [
      {
        of,
        what: `nothing of ours answers at ${receiver}, so no webhook arrives; the sweep finds what they told within a minute`,
        mend: 'oncall webhooks, or name yours by --receiver',
      },
    ];
  }
}

/** PagerDuty's side of an account's feed; nothing is pinged, since nothing is written. */
export async function lookAtFeed(
  account: string,
  policy: Policy,
  home: string,
  looker: Looker,
  now: number,
): Promise<readonly Finding[]> {
  const of = `feed of ${account}`;
  const { findings } = await checkSubscriptions({
    subscriptions: { list: () => every(looker) },
    account,
    url: undefined,
    events: eventsOf(account, { readable: true, policy }),
    kept: webhookSecretsIn(home, account).list(),
    now,
  });
  return findings.map(({ subscription, what, mend, fix }) => ({
    of,
    what: subscription === undefined ? what : `${subscription}: ${what}`,
    mend: fix ? `oncall webhook-subscriptions check --account ${account} --fix` : mend,
  }));
}

async function every(looker: Looker): Promise<readonly WebhookSubscription[]> {
  const all: WebhookSubscription[] = [];
  for (let more = true; more; ) {
    const { response } = await looker.read('listWebhookSubscriptions', {
      query: { limit: 100, offset: all.length },
    });
    all.push(...response.webhook_subscriptions);
    more = response.more === true;
  }
  return all;
}
