import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { isOff, type Limiter, type RateAlgorithm, rateAlgorithms, type Standing } from './budget.ts';
import type { Credential } from './model.ts';

export interface BudgetOptions {
  /** REST requests a window, per bucket; 960. 0 or `Infinity` is off: no 429, and no `ratelimit-*` headers. */
  readonly rateLimit?: number;
  /** Length of the window in simulated seconds; 60. */
  readonly rateWindowSeconds?: number;
  /** How REST requests are counted; `fixed-window`. PagerDuty does not say how it counts. */
  readonly rateAlgorithm?: RateAlgorithm;
  /** Requests a window of the operations that have a lower limit of their own; 0 is off. Off where `rateLimit` is. */
  readonly operationLimits?: Partial<Readonly<Record<LimitedOperation, number>>>;
}

/** PagerDuty says which operations these are; of the numbers it says nothing, so these are the simulator's own choice. */
export const operationLimits = { createIncident: 100, updateIncidents: 500, listOnCalls: 300 } as const;
export type LimitedOperation = keyof typeof operationLimits;

/** What a credential is counted under: a user over all his keys, an app over all its tokens, once more for each of its users. */
function bucketOf({ key, userId, clientId }: Credential): string {
  const user = userId === null ? [] : [`user ${userId}`];
  return clientId === undefined ? (user[0] ?? `key ${key}`) : [`app ${clientId}`, ...user].join(' ');
}

/** The limits of REST: one for everything a credential asks, and a lower one for some operations. */
export class Budgets {
  readonly #all: Limiter | undefined;
  readonly #ofOperation = new Map<string, Limiter>();

  constructor(options: BudgetOptions) {
    const { rateLimit = 960, rateWindowSeconds = 60, rateAlgorithm = 'fixed-window' } = options;
    if (isOff(rateLimit)) return;
    const limiter = rateAlgorithms[rateAlgorithm];
    this.#all = limiter(rateLimit, rateWindowSeconds);
    for (const [operation, limit] of Object.entries({ ...operationLimits, ...options.operationLimits })) {
      if (!isOff(limit)) this.#ofOperation.set(operation, limiter(limit, rateWindowSeconds));
    }
  }

  /**
   * Counts a request against every limit it has, or against none where one refuses it. How the limit stands that is closest to
   * its end; `undefined` where there is none.
   */
  take(credential: Credential, operation: OperationName, now: number): Standing | undefined {
    if (!this.#all) return undefined;
    const bucket = bucketOf(credential);
    const limiter = this.#ofOperation.get(operation);
    const own = limiter && { limiter, bucket: operation === 'createIncident' ? 'account' : bucket };
    const limits = [...(own ? [own] : []), { limiter: this.#all, bucket }];
    const looked = limits.map((one) => one.limiter.look(one.bucket, now));
    const refused = closest(looked.filter(({ allowed }) => !allowed));
    return refused ?? closest(limits.map((one) => one.limiter.take(one.bucket, now)));
  }
}

/** The one with the least left; of several, the one that takes longest to give more. */
const closest = (standings: readonly Standing[]): Standing | undefined =>
  standings.toSorted((a, b) => a.remaining - b.remaining || b.resetSeconds - a.resetSeconds)[0];
