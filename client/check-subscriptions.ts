import type { PolicyState } from '../gate/policy-source.ts';
import type { KeptSecret } from '../gate/webhook-secrets.ts';
import type { WebhookSubscription } from '../pagerduty/catalogue/webhook-subscriptions.ts';
import { followedEvents } from '../pagerduty/webhooks.ts';
import { deliveringTo, isSameScope, type PingAndWait, type Subscriptions, scopeOf } from './subscriptions.ts';

/** Something that is wrong with the feed, and how to mend it. */
export interface Finding {
  /** Id of the subscription; absent where there is none. */
  readonly subscription?: string;
  readonly what: string;
  readonly mend: string;
  /** What mends it in PagerDuty, where that is safe to do by itself. */
  readonly fix?: (subscriptions: Pick<Subscriptions, 'enable' | 'update'>) => Promise<void>;
}

export interface Checking {
  readonly subscriptions: Pick<Subscriptions, 'list'>;
  readonly account: string;
  /** Where PagerDuty is to deliver to; any address that ends as ours do where absent. */
  readonly url: string | undefined;
  /** What should be delivered. */
  readonly events: readonly string[];
  /** The secrets that are kept on this machine. */
  readonly kept: readonly KeptSecret[];
  /** Nothing is pinged where absent. */
  readonly arrives?: PingAndWait;
  readonly now: number;
}

/** At most so many subscriptions are about the account, a service or a team. */
const mostOfOneScope = 10;

/** A secret that is older should be rotated, in days. */
const oldestDays = 365;
const dayMs = 86_400_000;

/** What should be delivered: what runs follow, and what standing orders of the account wait for. */
export function eventsOf(account: string, state: PolicyState): readonly string[] {
  const orders = state.readable ? [...state.policy.standing.values()] : [];
  const ordered = orders.filter((order) => order.account === account).map(({ on }) => on);
  return [...new Set<string>([...followedEvents, ...ordered])];
}

/** Looks at every subscription that delivers to us: is it switched on, complete, and does what it sends come in? */
export async function checkSubscriptions(checking: Checking): Promise<{
  readonly checked: readonly WebhookSubscription[];
  readonly findings: readonly Finding[];
}> {
  const { subscriptions, account, url } = checking;
  const all = await subscriptions.list();
  const checked = deliveringTo(all, account, url);
  if (checked.length === 0) {
    const where = url ?? `any address that ends in /webhooks/${account}`;
    const what = `no subscription delivers to ${where}`;
    const mend = `oncall webhook-subscriptions create --account ${account} --all-services --url ${url ?? 'URL'}`;
    return { checked, findings: [{ what, mend }] };
  }
  const findings: Finding[] = [];
  for (const one of checked) {
    findings.push(...stateOf(checking, one), ...secretOf(checking, one), ...roomOf(all, checked, one));
    // What is switched off is sent no ping.
    if (one.active && !one.delivery_method.temporarily_disabled)
      findings.push(...(await arrivalOf(checking, one)));
  }
  return { checked, findings };
}

function stateOf({ events }: Checking, one: WebhookSubscription): readonly Finding[] {
  const { id, active, delivery_method } = one;
  const findings: Finding[] = [];
  if (!active)
    findings.push({
      subscription: id,
      what: 'somebody has switched it off',
      mend: '--fix switches it on',
      fix: (subscriptions) => subscriptions.update(id, { active: true }),
    });
  if (delivery_method.temporarily_disabled)
    findings.push({
      subscription: id,
      what: 'PagerDuty has switched it off for a day, after three deliveries in a row were refused',
      mend: '--fix enables it; what was thrown away meanwhile the sweep has brought up to date',
      fix: (subscriptions) => subscriptions.enable(id),
    });
  const missing = events.filter((type) => !one.events.includes(type));
  if (missing.length > 0)
    findings.push({
      subscription: id,
      what: `it tells nothing of ${missing.join(', ')}`,
      mend: '--fix adds them',
      fix: (subscriptions) => subscriptions.update(id, { events: [...one.events, ...missing] }),
    });
  return findings;
}

function secretOf({ kept, now, account }: Checking, { id }: WebhookSubscription): readonly Finding[] {
  const secret = kept.find(({ subscription }) => subscription === id);
  const days = secret ? Math.floor((now - secret.keptAt) / dayMs) : 0;
  if (days <= oldestDays) return [];
  return [
    {
      subscription: id,
      what: `its secret is ${days} days old`,
      mend: `oncall webhook-subscriptions rotate ${id} --account ${account}`,
    },
  ];
}

function roomOf(
  all: readonly WebhookSubscription[],
  ours: readonly WebhookSubscription[],
  one: WebhookSubscription,
): readonly Finding[] {
  const findings: Finding[] = [];
  const beside = all.filter((other) => isSameScope(one, other));
  if (beside.length >= mostOfOneScope)
    findings.push({
      subscription: one.id,
      what: `PagerDuty takes no more than ${mostOfOneScope} subscriptions of ${scopeOf(one)}, so this one cannot be rotated`,
      mend: `delete one that nobody needs of ${beside.map(({ id }) => id).join(', ')}`,
    });
  const twin = ours.find(
    (other) =>
      other.id !== one.id &&
      isSameScope(one, other) &&
      other.delivery_method.url === one.delivery_method.url &&
      other.description?.includes(`[in place of ${one.id}]`),
  );
  if (twin)
    findings.push({
      subscription: one.id,
      what: `${twin.id} was made to take its place, and the rotation was not brought to its end`,
      mend: `oncall webhook-subscriptions rotate ${one.id}`,
    });
  return findings;
}

async function arrivalOf(
  { arrives, kept, account }: Checking,
  { id }: WebhookSubscription,
): Promise<readonly Finding[]> {
  if (!arrives || (await arrives(id))) return [];
  const isKept = kept.some(({ subscription }) => subscription === id);
  const secret = isKept
    ? `its secret is kept here; a receiver on another machine needs it too`
    : `its secret is not kept here: where the receiver does not have it either, rotate it`;
  return [
    {
      subscription: id,
      what: 'a ping that PagerDuty was asked for did not come in',
      mend: `look at the receiver’s log and at the way to it (address, proxy, TLS); ${secret} (oncall webhook-subscriptions rotate ${id} --account ${account})`,
    },
  ];
}
