import type { WebhookSecrets } from '../gate/webhook-secrets.ts';
import type { WebhookSubscription } from '../pagerduty/catalogue/webhook-subscriptions.ts';
import type { EventType } from '../pagerduty/webhooks.ts';
import { exitCodes, OncallError } from './errors.ts';

/** What a new subscription is to be about, and where it delivers to. */
export interface Wanted {
  readonly filter:
    | { readonly type: 'account_reference' }
    | { readonly type: 'service_reference' | 'team_reference'; readonly id: string };
  readonly events: readonly string[];
  readonly url: string;
  readonly description: string;
}

/** A subscription that was just made, and where the Worker keeps its secret. */
export interface Created {
  readonly subscription: WebhookSubscription;
  readonly file: string;
}

/** PagerDuty's side of an account's feed. Every call is a run of its own, which the gate decides about. */
export interface Subscriptions {
  readonly list: () => Promise<readonly WebhookSubscription[]>;
  readonly create: (wanted: Wanted) => Promise<Created>;
  /** Asks for a ping; PagerDuty delivers it a moment later. */
  readonly ping: (id: string) => Promise<void>;
  /** Lifts what PagerDuty switched off for a day. */
  readonly enable: (id: string) => Promise<void>;
  readonly update: (id: string, change: { active?: boolean; events?: readonly string[] }) => Promise<void>;
  readonly remove: (id: string) => Promise<void>;
}

/** The subscriptions that deliver to our receiver: to this address, or where none is named to any that ends as ours do. */
export const deliveringTo = (
  all: readonly WebhookSubscription[],
  account: string,
  url: string | undefined,
): readonly WebhookSubscription[] =>
  all.filter(({ delivery_method: { url: to } }) =>
    url === undefined ? pathOf(to).endsWith(`/webhooks/${account}`) : to === url,
  );

const pathOf = (url: string | null | undefined): string =>
  url && URL.canParse(url) ? new URL(url).pathname : '';

/** What a subscription is about, as it follows "of": `the whole account`, `service PCHECKOUT`. */
export const scopeOf = ({ filter }: Pick<WebhookSubscription, 'filter'>): string =>
  filter.id === undefined
    ? 'the whole account'
    : `${(filter.type ?? '').replace('_reference', '')} ${filter.id}`;

/** Whether two subscriptions are about the same. */
export const isSameScope = (
  one: Pick<WebhookSubscription, 'filter'>,
  other: Pick<WebhookSubscription, 'filter'>,
): boolean => scopeOf(one) === scopeOf(other);

/** Waits until a ping that is asked for has come in at the receiver; says whether it did. */
export type PingAndWait = (id: string) => Promise<boolean>;

/** What a rotation works with. */
export interface Rotation {
  readonly subscriptions: Subscriptions;
  readonly secrets: WebhookSecrets;
  readonly arrives: PingAndWait;
  readonly say: (sentence: string) => void;
}

/** What a rotation came to. */
export interface Rotated {
  readonly old: string;
  readonly id: string;
  /** Where the secret of the new one is kept, as far as this machine knows. */
  readonly file: string | undefined;
}

/** How the successor of a subscription is marked in its description, so that a rotation that died finds it again. */
const markOf = (id: string): string => `[in place of ${id}]`;

/** PagerDuty takes descriptions of this length from us. */
const longestDescription = 200;

/**
 * Gives a subscription a new secret: a second one of the same kind beside it, a ping that is taken, then the old one goes.
 * Meanwhile both secrets hold, and events that come twice act once. Where it dies half-way the next call goes on from there.
 * @throws OncallError where the new one does not work; both are there then.
 */
export async function rotateSubscription(rotation: Rotation, id: string): Promise<Rotated> {
  const { subscriptions, secrets, arrives, say } = rotation;
  const all = await subscriptions.list();
  const old = all.find((one) => one.id === id);
  const successor = await usableSuccessor(rotation, all, id);
  if (!old && !successor)
    throw new OncallError(
      `There is no webhook subscription ${id}; \`oncall webhook-subscriptions\` lists them.`,
    );
  let next = successor?.id;
  if (next === undefined && old) {
    const { subscription, file } = await subscriptions.create(sameAs(old));
    next = subscription.id;
    say(`${next} delivers the same as ${id}; its secret is in ${file}.`);
  }
  const newer = next ?? '';
  if (!(await arrives(newer)))
    throw new OncallError(
      `The ping of ${newer} did not come in, so ${id} stays beside it and nothing is lost. Give the receiver its secret where it runs on another machine, then call this again.`,
      exitCodes.partly,
    );
  say(`The ping of ${newer} came in.`);
  if (old) await subscriptions.remove(id);
  secrets.forget(id);
  const kept = secrets.list().find(({ subscription }) => subscription === newer);
  return { old: id, id: newer, file: kept?.file };
}

/** What an earlier rotation has made already; one whose secret got lost is deleted, since nobody can use it. */
async function usableSuccessor(
  { subscriptions, secrets, say }: Rotation,
  all: readonly WebhookSubscription[],
  id: string,
): Promise<WebhookSubscription | undefined> {
  const found = all.find(({ description }) => description?.includes(markOf(id)));
  if (!found) return undefined;
  const kept = secrets.list().map(({ subscription }) => subscription);
  // Where no secret at all is kept here, the Worker is on another machine, and keeps them there.
  if (kept.length === 0 || kept.includes(found.id)) return found;
  await subscriptions.remove(found.id);
  say(`Deleted ${found.id}, which was to take the place of ${id}: its secret got lost on the way.`);
  return undefined;
}

function sameAs({ id, filter, events, description, delivery_method }: WebhookSubscription): Wanted {
  if ((delivery_method.custom_headers ?? []).length > 0)
    throw new OncallError(
      `${id} has custom headers, and PagerDuty tells nobody what they hold: make the new subscription by hand in PagerDuty, enter its secret in webhook_secrets, then delete ${id}.`,
    );
  const { type } = filter;
  const wanted =
    type === 'service_reference' || type === 'team_reference'
      ? ({ type, id: filter.id ?? '' } as const)
      : ({ type: 'account_reference' } as const);
  const mark = markOf(id);
  const words = (description ?? '').replace(/\s*\[in place of \w+\]/g, '');
  return {
    filter: wanted,
    events: events as readonly EventType[],
    url: delivery_method.url ?? '',
    description: `${words.slice(0, longestDescription - mark.length - 1)} ${mark}`.trim(),
  };
}
