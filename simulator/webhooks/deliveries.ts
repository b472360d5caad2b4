import { randomUUID } from 'node:crypto';
import type { Happening } from '../happening.ts';
import type { World } from '../world.ts';
import { isOnThisMachine, type Reached, type Sender } from './sender.ts';
import { signatureOf } from './signature.ts';
import type { Subscription } from './subscription.ts';

export type DeliveryState =
  /** Not tried yet, or behind another of the same thing. */
  | 'waiting'
  /** Tried without success, and to be tried again. */
  | 'retrying'
  | 'delivered'
  /** Refused with a 4xx, or not taken in 48 hours, or too large. */
  | 'dropped'
  /** Thrown away untried: the subscription was switched off or is gone. */
  | 'discarded'
  /** The address is not on this machine, so nothing was sent. */
  | 'not sent';

/** One webhook on its way to one subscription. */
export interface Delivery {
  /** `X-Webhook-Id`: the same on every try. */
  readonly id: string;
  readonly subscriptionId: string;
  readonly eventType: string;
  readonly resourceId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly body: string;
  state: DeliveryState;
  readonly attempts: Attempt[];
  nextAttemptAt: number | null;
}

export interface Attempt {
  /** Milliseconds since 1970, by the simulator's clock. */
  readonly at: number;
  readonly status: number | null;
  readonly error: string | null;
}

/** Deliveries about one thing to one subscription, the one that is tried first. */
interface Lane {
  readonly subscription: Subscription;
  readonly resourceId: string;
  readonly queue: Delivery[];
}

/**
 * Delivers what happens to whoever subscribed: at least once, in order for each subscription and thing, several things at a
 * time. Waits by the simulator's clock. REST answers never wait for it: it begins when the request is over.
 */
export class Deliveries {
  readonly #world: World;
  readonly #sender: Sender;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes whose first delivery is to be tried now. */
  #ready: Lane[] = [];
  #underWay = 0;
  #isScheduled = false;
  #isClosed = false;
  #whenIdle: (() => void)[] = [];
  /** The last ones, oldest first. */
  readonly #record: Delivery[] = [];

  constructor(world: World, sender: Sender) {
    this.#world = world;
    this.#sender = sender;
    world.onHappening = (happening) => this.#take(happening);
  }

  list(): readonly Delivery[] {
    return this.#record;
  }

  /** Once nothing is being sent or about to be; what waits for the clock is not waited for. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  close(): void {
    this.#isClosed = true;
    this.#sender.close();
    this.#tellIdle();
  }

  get #isIdle(): boolean {
    return this.#isClosed || (this.#underWay === 0 && this.#ready.length === 0);
  }

  #take(happening: Happening): void {
    const told = this.#world.subscriptions.of(happening);
    if (told.length === 0) return;
    // One event, whoever is told of it; the webhook that tells it is another for each subscription.
    const body = this.#write(happening);
    for (const subscription of told) {
      const delivery = this.#address(happening, subscription, body);
      this.#record.push(delivery);
      if (this.#record.length > keptRecords * 1.1) this.#record.splice(0, this.#record.length - keptRecords);
      if (delivery.state === 'waiting') this.#queue(subscription, delivery);
    }
  }

  #write({ type, resource, agent, data }: Happening): string {
    return JSON.stringify({
      event: {
        id: this.#world.newEventId(),
        event_type: type,
        resource_type: resource.type,
        occurred_at: new Date(this.#world.clock.now).toISOString(),
        agent,
        client: null,
        data,
      },
    });
  }

  #address({ type, resource }: Happening, subscription: Subscription, body: string): Delivery {
    return {
      id: randomUUID(),
      subscriptionId: subscription.id,
      eventType: type,
      resourceId: resource.id,
      at: this.#world.clock.now,
      body,
      state: this.#fate(subscription, body),
      attempts: [],
      nextAttemptAt: null,
    };
  }

  #fate(subscription: Subscription, body: string): DeliveryState {
    if (subscription.disabledUntil !== null) return 'discarded';
    if (Buffer.byteLength(body) > longestBody) return 'dropped';
    return isOnThisMachine(subscription.url) ? 'waiting' : 'not sent';
  }

  #queue(subscription: Subscription, delivery: Delivery): void {
    const key = `${subscription.id} ${delivery.resourceId}`;
    const lane = this.#lanes.get(key);
    if (lane) {
      lane.queue.push(delivery);
      return;
    }
    const fresh = { subscription, resourceId: delivery.resourceId, queue: [delivery] };
    this.#lanes.set(key, fresh);
    this.#makeReady(fresh);
  }

  #makeReady(lane: Lane): void {
    this.#ready.push(lane);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const free = maxUnderWay - this.#underWay;
    for (const lane of this.#ready.splice(0, free)) void this.#try(lane);
    if (this.#ready.length > 0 && this.#underWay < maxUnderWay) this.#schedule();
    this.#tellIdle();
  }

  async #try(lane: Lane): Promise<void> {
    const [delivery] = lane.queue;
    const { subscription } = lane;
    if (!delivery || this.#isClosed) return;
    if (!this.#world.subscriptions.get(subscription.id)) return this.#discard(lane);
    this.#underWay += 1;
    delivery.nextAttemptAt = null;
    const at = this.#world.clock.now;
    const reached = await this.#sender
      .post(subscription.url, headersOf(subscription, delivery), delivery.body)
      .catch((error: unknown): Reached => ({ error: String(error) }));
    this.#underWay -= 1;
    if (this.#isClosed) return;
    this.#world.clock.catchUp();
    delivery.attempts.push({
      at,
      status: 'status' in reached ? reached.status : null,
      error: 'error' in reached ? reached.error : null,
    });
    this.#settle(lane, delivery, verdict(reached));
    this.#schedule();
  }

  #settle(lane: Lane, delivery: Delivery, result: Verdict): void {
    // Thrown away while it was under way.
    if (delivery.state === 'discarded') return;
    const { subscription } = lane;
    if (result === 'delivered') {
      delivery.state = 'delivered';
      subscription.drops = 0;
      return this.#advance(lane);
    }
    const waitMs = (backOffSeconds[delivery.attempts.length - 1] ?? lastBackOffSeconds) * 1000;
    const next = this.#world.clock.now + waitMs;
    if (result === 'again' && next <= delivery.at + windowMs) {
      delivery.state = 'retrying';
      delivery.nextAttemptAt = next;
      this.#world.clock.at(next, () => {
        if (delivery.state === 'retrying') this.#makeReady(lane);
      });
      return;
    }
    delivery.state = 'dropped';
    subscription.drops += 1;
    this.#advance(lane);
    if (subscription.drops >= dropsUntilDisabled) this.#disable(subscription);
  }

  /** The next of the same thing, if there is one. */
  #advance(lane: Lane): void {
    lane.queue.shift();
    if (lane.queue.length > 0) this.#makeReady(lane);
    else this.#lanes.delete(`${lane.subscription.id} ${lane.resourceId}`);
  }

  #disable(subscription: Subscription): void {
    subscription.drops = 0;
    const until = this.#world.clock.now + disabledMs;
    subscription.disabledUntil = until;
    this.#world.clock.at(until, () => {
      if (subscription.disabledUntil === until) subscription.disabledUntil = null;
    });
    for (const lane of this.#lanes.values()) if (lane.subscription === subscription) this.#discard(lane);
    this.#ready = this.#ready.filter((lane) => lane.subscription !== subscription);
  }

  #discard(lane: Lane): void {
    for (const delivery of lane.queue) {
      delivery.state = 'discarded';
      delivery.nextAttemptAt = null;
    }
    lane.queue.length = 0;
    this.#lanes.delete(`${lane.subscription.id} ${lane.resourceId}`);
  }

  #tellIdle(): void {
    if (!this.#isIdle) return;
    for (const tell of this.#whenIdle.splice(0)) tell();
  }
}

type Verdict = 'delivered' | 'again' | 'drop';

/** PagerDuty retries what may pass by itself: no answer, 5xx, 429. Every other answer but 2xx is final. */
function verdict(reached: Reached): Verdict {
  if ('error' in reached) return 'again';
  const { status } = reached;
  if (status >= 200 && status < 300) return 'delivered';
  return status === 429 || status >= 500 ? 'again' : 'drop';
}

const headersOf = (
  { id, secrets, customHeaders }: Subscription,
  delivery: Delivery,
): Record<string, string> => ({
  accept: 'application/json',
  'content-type': 'application/json',
  'user-agent': 'PagerDuty-Webhook/V3.0',
  'x-pagerduty-signature': signatureOf(delivery.body, secrets),
  'x-webhook-id': delivery.id,
  'x-webhook-subscription': id,
  ...Object.fromEntries(customHeaders.map(({ name, value }) => [name.toLowerCase(), value])),
});

/** PagerDuty says for how long it tries, not when; these are the simulator's own, in seconds after each try. */
const backOffSeconds: readonly number[] = [10, 30, 60, 120, 300, 600, 1200, 1800];
const lastBackOffSeconds = 3600;
const windowMs = 48 * 3600 * 1000;

const dropsUntilDisabled = 3;
const disabledMs = 24 * 3600 * 1000;

/** In bytes; more is never delivered. */
const longestBody = 256 * 1024;

/** Posts at a time. */
const maxUnderWay = 32;

/** How many deliveries the record keeps. */
const keptRecords = 5_000;
