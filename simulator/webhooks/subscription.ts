import type { Happening } from '../happening.ts';

/** Which happenings a subscription is about. */
export type Filter =
  | { readonly type: 'account' }
  | { readonly type: 'service' | 'team'; readonly id: string };

/** Somebody who wants to be told, and where. */
export interface Subscription {
  readonly id: string;
  readonly url: string;
  readonly deliveryMethodId: string;
  readonly customHeaders: readonly CustomHeader[];
  description: string | null;
  events: readonly string[];
  filter: Filter;
  active: boolean;
  /** The newest first; several while it is being rotated, and each signs. */
  secrets: readonly string[];
  /** Deliveries dropped in a row. */
  drops: number;
  /** Milliseconds since 1970; null where it is not switched off for a time. */
  disabledUntil: number | null;
}

export interface CustomHeader {
  readonly name: string;
  readonly value: string;
}

/** At most this many for the account, for each service and for each team. */
const maxPerFilter = 10;

/** All subscriptions, found by what they are about: an account can have thousands of services with ten each. */
export class Subscriptions {
  readonly #byId = new Map<string, Subscription>();
  readonly #byFilter = new Map<string, Set<Subscription>>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Subscription | undefined {
    return this.#byId.get(id);
  }

  /** In the order they came; those about one thing only, where asked. */
  list(filter?: Filter): readonly Subscription[] {
    return [...(filter ? (this.#byFilter.get(keyOf(filter)) ?? []) : this.#byId.values())];
  }

  hasRoomFor(filter: Filter): boolean {
    return (this.#byFilter.get(keyOf(filter))?.size ?? 0) < maxPerFilter;
  }

  add(subscription: Subscription): void {
    this.#byId.set(subscription.id, subscription);
    this.#file(subscription);
  }

  refile(subscription: Subscription, filter: Filter): void {
    this.#byFilter.get(keyOf(subscription.filter))?.delete(subscription);
    subscription.filter = filter;
    this.#file(subscription);
  }

  remove(subscription: Subscription): void {
    this.#byId.delete(subscription.id);
    this.#byFilter.get(keyOf(subscription.filter))?.delete(subscription);
  }

  /** Everybody to be told of it. */
  of({ type, serviceId, teamIds, subscriptionId }: Happening): readonly Subscription[] {
    if (subscriptionId !== undefined)
      return [this.#byId.get(subscriptionId)].filter((one) => one !== undefined);
    const keys = ['account', ...(serviceId === null ? [] : [`service ${serviceId}`])];
    for (const id of teamIds) keys.push(`team ${id}`);
    return keys
      .flatMap((key) => [...(this.#byFilter.get(key) ?? [])])
      .filter(({ active, events }) => active && events.includes(type));
  }

  #file(subscription: Subscription): void {
    const key = keyOf(subscription.filter);
    const filed = this.#byFilter.get(key) ?? new Set();
    this.#byFilter.set(key, filed.add(subscription));
  }
}

const keyOf = (filter: Filter): string =>
  filter.type === 'account' ? 'account' : `${filter.type} ${filter.id}`;
