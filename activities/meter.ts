import { catalogue, type OperationName } from '../pagerduty/catalogue/index.ts';
import type { Meter, Standing } from '../pagerduty/rate-limit.ts';

/** PagerDuty counts by the minute. */
export const windowMs = 60_000;

/** What PagerDuty gives an account where its answers have not said so yet. */
export const usualLimit = 960;

/** The part of a limit that ordinary work leaves to what is urgent. */
export const urgentPart = 0.03;

/**
 * Requests a minute of the operations that have a lower limit of their own, until an answer tells of it. PagerDuty publishes
 * which they are, and not how low.
 */
const ownLimits: Partial<Readonly<Record<OperationName, number>>> = {
  createIncident: 90,
  updateIncidents: 450,
  listOnCalls: 270,
};

/** Of an operation's own limit, how much we take: the customer's other tools use it too. */
const ownPart = 0.9;

/** Requests that may find out how a limit stands once its time is over. */
const probes = 10;

/** How long others wait for what these find out, in milliseconds; then as many more may. */
const afterProbesMs = 1_000;

/** A limit as one answer told of it. */
export interface Heard extends Standing {
  /** By our clock, milliseconds since 1970. */
  readonly at: number;
  /** Requests of ours that had left when this one left, itself included: PagerDuty had counted no more than these, perhaps less. */
  readonly leftBefore: number;
  /** The same when its answer came: PagerDuty had counted no more of ours. */
  readonly leftAfter: number;
}

/** What one credential has used since the Worker began, and what PagerDuty said last. */
export interface Used {
  readonly left: number;
  readonly heard?: Heard;
}

/** What a Worker counted since it began. */
export interface Counts {
  /** By credential, as the configuration writes it: a reference, and no secret. */
  readonly used: Readonly<Record<string, Used>>;
  /** Activities that began, and requests that left for them, by Task Queue. */
  readonly starts: Readonly<Record<string, number>>;
  readonly requests: Readonly<Record<string, number>>;
}

/** The same as it is counted, and the requests that find out how a limit stands since its time was over. */
interface Spending {
  left: number;
  heard: Heard | undefined;
  /** How many had left when these began, and when that was. */
  probing: { readonly left: number; readonly at: number } | undefined;
}

/** Counts the REST requests of an account in this process, and holds back what PagerDuty would refuse. */
export class AccountMeter {
  readonly #now: () => number;
  readonly #urgentQueue: string;
  readonly #used = new Map<string, Spending>();
  readonly #starts: Record<string, number> = {};
  readonly #requests: Record<string, number> = {};
  readonly #own = new Map<OperationName, OwnLimit>();
  /** How many Workers share the account: each takes its part of the limits that only it counts. */
  workers = 1;

  /** @param urgentQueue the Task Queue whose work may use all that is left. */
  constructor(urgentQueue: string, now: () => number = Date.now) {
    this.#urgentQueue = urgentQueue;
    this.#now = now;
  }

  /** An Activity begins on a Task Queue. */
  begins(taskQueue: string): void {
    this.#starts[taskQueue] = (this.#starts[taskQueue] ?? 0) + 1;
  }

  get counts(): Counts {
    const used = [...this.#used].map(([by, { left, heard }]) => [by, { left, ...(heard && { heard }) }]);
    return {
      used: Object.fromEntries(used) as Counts['used'],
      starts: { ...this.#starts },
      requests: { ...this.#requests },
    };
  }

  /** What a connection that is for one Task Queue and one credential tells of its requests. */
  of(taskQueue: string, credential: string): Meter {
    return {
      waitMs: (name) => {
        if (catalogue[name].api === 'events') return 0;
        return Math.max(this.#waitMs(taskQueue, credential), this.#ownLimit(name)?.waitMs(this.workers) ?? 0);
      },
      leaves: (name) => {
        if (catalogue[name].api === 'events') return () => {};
        const used = this.#usedBy(credential);
        used.left += 1;
        this.#requests[taskQueue] = (this.#requests[taskQueue] ?? 0) + 1;
        const own = this.#ownLimit(name);
        own?.leaves();
        const leftBefore = used.left;
        return (standing) => {
          if (!standing) {
            // Once its time is over, an answer that says nothing of a limit ends what was heard of it.
            const { heard } = used;
            if (heard && this.#now() >= heard.at + heard.resetMs) used.heard = undefined;
            return;
          }
          // Of two limits an answer tells of the one that is nearer its end.
          if (own && standing.limit !== used.heard?.limit) return own.hears(standing);
          used.heard = { ...standing, at: this.#now(), leftBefore, leftAfter: used.left };
          used.probing = undefined;
        };
      },
    };
  }

  #usedBy(credential: string): Spending {
    const known = this.#used.get(credential);
    if (known) return known;
    const used: Spending = { left: 0, heard: undefined, probing: undefined };
    this.#used.set(credential, used);
    return used;
  }

  #waitMs(taskQueue: string, credential: string): number {
    const used = this.#usedBy(credential);
    const { heard, left } = used;
    const now = this.#now();
    if (!heard || now - heard.at > windowMs) return 0;
    const endsInMs = heard.at + heard.resetMs - now;
    const keeps = taskQueue === this.#urgentQueue ? 0 : heard.limit * urgentPart;
    if (heard.remaining - (left - heard.leftBefore) > keeps) return 0;
    if (endsInMs > 0) return endsInMs;
    const { probing } = used;
    // Answers need not say how the limit stands: then some more find out.
    const round =
      probing && (left - probing.left < probes || now < probing.at + afterProbesMs)
        ? probing
        : { left, at: now };
    used.probing = round;
    return left - round.left < probes ? 0 : round.at + afterProbesMs - now;
  }

  #ownLimit(name: OperationName): OwnLimit | undefined {
    const known = this.#own.get(name);
    const limit = ownLimits[name];
    if (known || limit === undefined) return known;
    const own = new OwnLimit(limit, this.#now);
    this.#own.set(name, own);
    return own;
  }
}

/** An operation's own limit: no more than so many requests in any minute, which is right however PagerDuty counts. */
class OwnLimit {
  readonly #now: () => number;
  #limit: number;
  #left: number[] = [];
  /** Until when others have used it up. */
  #usedUpUntil = 0;

  constructor(limit: number, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  waitMs(workers: number): number {
    const now = this.#now();
    this.#left = this.#left.filter((at) => at > now - windowMs);
    if (this.#usedUpUntil > now) return this.#usedUpUntil - now;
    const most = Math.max(1, Math.floor(this.#limit / workers));
    const oldest = this.#left[this.#left.length - most];
    return oldest === undefined ? 0 : oldest + windowMs - now;
  }

  leaves(): void {
    this.#left.push(this.#now());
  }

  hears({ limit, remaining, resetMs }: Standing): void {
    this.#limit = Math.floor(limit * ownPart);
    if (remaining <= limit * (1 - ownPart) * 0.5) this.#usedUpUntil = this.#now() + resetMs;
  }
}
