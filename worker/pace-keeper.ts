import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { AccountMeter, Counts } from '../activities/meter.ts';
import { type Store, StoreAway } from '../gate/audit-store.ts';
import { countsOfOthers, keep, letGo, tellCounts } from '../gate/pace.ts';
import type { PolicyState } from '../gate/policy-source.ts';
import { pressedSwitches } from '../gate/switches.ts';
import type { Standing } from '../pagerduty/rate-limit.ts';
import { frozenReason, paceReason, taskQueues } from '../workflows/contract.ts';
import { type Heard, type Memory, nothingKnown, type Room, remember, roomFor } from './budget.ts';
import { limitOf, setLimit } from './pace.ts';

/** How often limits are looked at, in milliseconds. */
const everyMs = 500;

/** How often the store is: whether everything is frozen, and what other Workers have counted. */
const storeEveryMs = 1_000;

/** The same while it is away: waiting for a file that is locked holds up the whole process, which may have an incident to give back. */
const awayEveryMs = 15_000;

/** How often the keeper says that it is still there. */
const keepEveryMs = 3_000;

/** A limit that would change by less than this part of it is left as it is. */
const worthChanging = 0.1;

/** Urgent Activities that may start in a second, whatever is left. */
const leastUrgent = 3;

/** How much of what was counted before still counts, each time it is looked: requests of one start are those of the last seconds. */
const fading = 0.9;

export interface KeeperOptions {
  readonly account: string;
  readonly client: Client;
  readonly store: () => Promise<Store>;
  readonly policy: () => PolicyState;
  readonly meter: AccountMeter;
  readonly log: Logger;
}

/**
 * Paces one account: of all Workers one at a time, by a lease in the store, sets the limits of its Task Queues from what all of
 * them counted and what PagerDuty's answers say. The others tell what they count.
 * @returns what ends it.
 */
export function keepPace(options: KeeperOptions): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { account, store, log } = options;
  const worker = randomUUID();
  const keeper = new PaceKeeper(options, worker);
  const done = (async () => {
    let isTold = false;
    while (!stopping.signal.aborted) {
      try {
        await keeper.look();
        isTold = false;
      } catch (error) {
        // The limits stand as they are, and each Worker holds back what would be refused. While the store is away nothing is sent.
        const why = error instanceof Error ? error.message : String(error);
        if (!isTold && !stopping.signal.aborted) log.warn({ account }, `The pace could not be kept: ${why}`);
        isTold = true;
      }
      await sleep(everyMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await done;
      await store()
        .then((open) => letGo(open, account, worker))
        .catch((error: unknown) => {
          // Then another takes over when the lease ends.
          if (!(error instanceof StoreAway)) throw error;
        });
    },
  };
}

class PaceKeeper {
  readonly #options: KeeperOptions;
  readonly #worker: string;
  #isKeeper = false;
  #isFrozen = false;
  #keptAt = Number.NEGATIVE_INFINITY;
  #looksInStoreAt = Number.NEGATIVE_INFINITY;
  #told = '';
  #others = new Map<string, Counts>();
  /** What all Workers have counted since this one is the keeper, by credential, and what each had when it was last looked. */
  readonly #left = new Map<string, number>();
  readonly #lastLeft = new Map<string, number>();
  #heard = new Map<string, Heard>();
  #memories = new Map<string, Memory>();
  readonly #perStart = new Map<string, PerStart>();
  readonly #limits = new Map<string, number>();

  constructor(options: KeeperOptions, worker: string) {
    this.#options = options;
    this.#worker = worker;
  }

  async look(): Promise<void> {
    const now = Date.now();
    if (now >= this.#looksInStoreAt) {
      this.#looksInStoreAt = now + storeEveryMs;
      try {
        await this.#lookInStore(now);
      } catch (error) {
        this.#looksInStoreAt = Date.now() + awayEveryMs;
        // Another may have taken over.
        this.#isKeeper = false;
        throw error;
      }
    }
    const { meter } = this.#options;
    const counts = [meter.counts, ...this.#others.values()];
    this.#count(now, counts);
    if (this.#isKeeper) await this.#setLimits(this.#room(now));
  }

  async #lookInStore(now: number): Promise<void> {
    const { account, meter, policy } = this.#options;
    const store = await this.#options.store();
    if (now - this.#keptAt >= (this.#isKeeper ? keepEveryMs : storeEveryMs)) {
      const { keeper, memory } = await keep(store, account, this.#worker, this.#remembered(now));
      if (keeper === this.#worker && !this.#isKeeper) this.#inherit(memory);
      this.#isKeeper = keeper === this.#worker;
      this.#keptAt = now;
    }
    const told = await countsOfOthers(store, account, this.#worker);
    meter.workers = 1 + told.filter(({ isThere }) => isThere).length;
    this.#others = new Map(told.map(({ worker, ageMs, counts }) => [worker, aged(counts, now - ageMs)]));
    if (!this.#isKeeper) {
      const mine = JSON.stringify(relative(meter.counts, now));
      const work = JSON.stringify(meter.counts);
      if (work !== this.#told) await tellCounts(store, account, this.#worker, mine);
      this.#told = work;
    }
    const state = policy();
    // Of an unreadable policy nobody knows who may lift: then everything is denied anyway.
    this.#isFrozen = state.readable && (await pressedSwitches(store, state.policy, 'freeze')).length > 0;
  }

  #remembered(now: number): string | undefined {
    if (!this.#isKeeper) return undefined;
    return JSON.stringify([...this.#memories].map(([by, memory]) => [by, memory, this.#standingOf(by, now)]));
  }

  /** How a budget stands, for people who look at it. */
  #standingOf(by: string, now: number): Standing | null {
    const heard = this.#heard.get(by);
    if (!heard) return null;
    const { limit, remaining, resetMs, at, leftBefore } = heard;
    const left = Math.max(0, remaining - ((this.#left.get(by) ?? 0) - leftBefore));
    return { limit, remaining: left, resetMs: at + resetMs - now };
  }

  /** What was counted before is another's; how others use the key, and how PagerDuty counts, is worth knowing. */
  #inherit(memory: string): void {
    const known = memory === '' ? [] : (JSON.parse(memory) as readonly (readonly [string, Memory])[]);
    this.#memories = new Map(
      known.map(([by, { way, expected }]) => [by, { ...nothingKnown, way, expected }] as const),
    );
  }

  /** Adds what each Worker has counted since the last look. One that is gone takes nothing away again. */
  #count(now: number, all: readonly Counts[]): void {
    for (const [index, counts] of all.entries()) {
      const of = index === 0 ? this.#worker : ([...this.#others.keys()][index - 1] ?? '');
      for (const [by, { left, heard }] of Object.entries(counts.used)) {
        const fresh = this.#since(`${of} ${by}`, left);
        const total = (this.#left.get(by) ?? 0) + fresh;
        this.#left.set(by, total);
        const known = this.#heard.get(by);
        if (heard && (!known || heard.at > known.at))
          this.#heard.set(by, {
            ...heard,
            leftBefore: total - (left - heard.leftBefore),
            leftAfter: total - (left - heard.leftAfter),
          });
      }
      for (const [queue, starts] of Object.entries(counts.starts)) {
        const per = this.#perStart.get(queue) ?? new PerStart();
        this.#perStart.set(queue, per);
        const requests = counts.requests[queue] ?? 0;
        per.add(
          this.#since(`${of} starts ${queue}`, starts),
          this.#since(`${of} requests ${queue}`, requests),
        );
      }
    }
    for (const per of this.#perStart.values()) per.fade();
    for (const [by, left] of this.#left) {
      const known = { now, left, heard: this.#heard.get(by) };
      this.#memories.set(by, remember(this.#memories.get(by) ?? nothingKnown, known));
    }
  }

  #since(what: string, count: number): number {
    const before = this.#lastLeft.get(what) ?? 0;
    this.#lastLeft.set(what, count);
    return Math.max(0, count - before);
  }

  /** Of the budgets that are in use, the one with the least room. */
  #room(now: number): Room {
    const rooms = [...this.#left].map(([by, left]) =>
      roomFor(this.#memories.get(by) ?? nothingKnown, { now, left, heard: this.#heard.get(by) }),
    );
    const first = roomFor(nothingKnown, { now, left: 0 });
    return rooms.reduce((least, room) => (room.rest < least.rest ? room : least), first);
  }

  async #setLimits({ rest, urgent, why }: Room): Promise<void> {
    const { account } = this.#options;
    const [ordinary, quick] = [taskQueues.rest(account), taskQueues.urgent(account)];
    const frozen = frozenReason.slice(paceReason.length);
    await this.#setLimit(quick, Math.max(leastUrgent, urgent / this.#requestsOf(quick)), why);
    if (this.#isFrozen) {
      await this.#setLimit(ordinary, 0, frozen);
      await this.#setLimit(taskQueues.events(account), 0, frozen);
      return;
    }
    await this.#setLimit(ordinary, rest / this.#requestsOf(ordinary), why);
    await this.#setLimit(taskQueues.events(account), undefined, 'paced by routing key');
  }

  #requestsOf(queue: string): number {
    return this.#perStart.get(queue)?.value ?? 1;
  }

  async #setLimit(queue: string, rate: number | undefined, why: string): Promise<void> {
    const { client } = this.#options;
    const known = this.#limits.get(queue);
    const wanted = rate === undefined ? Number.POSITIVE_INFINITY : Number(rate.toPrecision(3));
    if (known !== undefined && isNear(known, wanted)) return;
    const { rate: standing, isOurs } = await limitOf(client, queue);
    this.#limits.set(queue, wanted);
    // An operator's stays, also where it was set a moment ago.
    if (!isOurs || (standing ?? Number.POSITIVE_INFINITY) === wanted) return;
    await setLimit(client, queue, rate === undefined ? undefined : wanted, why);
  }
}

/** Whether a limit need not be changed: nothing, or a stop, is never near. */
const isNear = (known: number, wanted: number): boolean =>
  known === wanted || (known > 0 && wanted > 0 && Math.abs(wanted - known) < known * worthChanging);

/** How many requests a start makes: lately, and at least one. */
class PerStart {
  #starts = 0;
  #requests = 0;

  add(starts: number, requests: number): void {
    this.#starts += starts;
    this.#requests += requests;
  }

  fade(): void {
    this.#starts *= fading;
    this.#requests *= fading;
  }

  get value(): number {
    return this.#starts < 1 ? 1 : Math.max(1, this.#requests / this.#starts);
  }
}

/** For another machine, whose clock may be off: how old each instant is, instead of when it was. */
const relative = (counts: Counts, now: number): Counts => shifted(counts, -now);

const aged = (counts: string, at: number): Counts => shifted(JSON.parse(counts) as Counts, at);

const shifted = ({ used, ...counts }: Counts, byMs: number): Counts => ({
  ...counts,
  used: Object.fromEntries(
    Object.entries(used).map(([by, { left, heard }]) => [
      by,
      { left, ...(heard && { heard: { ...heard, at: heard.at + byMs } }) },
    ]),
  ),
});
