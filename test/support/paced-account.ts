import { type Limiter, type RateAlgorithm, rateAlgorithms } from '../../simulator/budget.ts';
import { type Heard, type Memory, nothingKnown, remember, roomFor } from '../../worker/budget.ts';

/** An account in simulated time: PagerDuty's limiter, a Task Queue with its limit, a Worker, and perhaps another program. */
export interface Play {
  readonly algorithm: RateAlgorithm;
  /** Work that is waiting from an instant on, in seconds; each piece makes so many requests. */
  readonly jobs: readonly { readonly at: number; readonly pieces: number; readonly requests?: number }[];
  /** Urgent pieces of three requests, each at its instant in seconds. */
  readonly urgent?: readonly number[];
  /** When another program begins and ends, in seconds, and how many requests it makes a second. */
  readonly others?: readonly { readonly from: number; readonly to: number; readonly aSecond: number }[];
  readonly seconds: number;
  /** How many requests a second our Worker can make at most. */
  readonly fastest?: number;
  /** How long a limit takes to reach the server, in milliseconds. */
  readonly delayMs?: number;
  readonly limit?: number;
  /** In place of the arithmetic, to see that a fault in it is found. */
  readonly room?: typeof roomFor;
}

export interface Played {
  readonly sent: number;
  readonly refused: number;
  /** When the last of ours was refused, in seconds. */
  readonly lastRefused: number;
  readonly othersSent: number;
  /** Instants at which the other program was refused, in seconds. */
  readonly othersRefused: readonly number[];
  /** When the last piece of each job was done, in seconds; absent where it was not. */
  readonly doneAt: readonly (number | undefined)[];
  /** How long urgent pieces waited until they began, in seconds. */
  readonly urgentWaits: readonly number[];
  /** Requests that PagerDuty took of us, instants in milliseconds. */
  readonly taken: readonly number[];
  readonly memory: Memory;
}

/** How often the limits are looked at, as the pace-keeper does. */
export const tickMs = 500;
const stepMs = 10;

/** Plays it. Whatever takes time here is counted in steps: the machine it runs on may be as slow as it likes. */
export function play(about: Play): Played {
  const {
    fastest = 60,
    delayMs = 300,
    limit = 960,
    others = [],
    urgent = [],
    room: roomOf = roomFor,
  } = about;
  const limiter: Limiter = rateAlgorithms[about.algorithm](limit, 60);
  const rest = gcra();
  const quick = gcra();
  const jobs = about.jobs.map((job) => ({ ...job, left: job.pieces }));
  const doneAt: (number | undefined)[] = jobs.map(() => undefined);
  const urgentLeft = [...urgent].toSorted((a, b) => a - b);
  const urgentWaits: number[] = [];
  const othersRefused: number[] = [];
  const taken: number[] = [];
  const pending: { readonly at: number; readonly rest: number; readonly urgent: number }[] = [];
  let memory: Memory = nothingKnown;
  let heard: Heard | undefined;
  let [left, refused, lastRefused, othersSent] = [0, 0, -1, 0];
  let perStart = 1;
  let [starts, requests] = [0, 0];
  let canMake = 0;
  const owed = others.map(() => 0);
  const base = 1_000_000;
  /** What a piece still has to send: an attempt that has begun goes on to its end. */
  const underWay: number[] = [];

  const send = (now: number): void => {
    left += 1;
    const standing = limiter.take('key', now);
    if (standing.allowed) taken.push(now - base);
    else {
      refused += 1;
      lastRefused = (now - base) / 1_000;
    }
    const { remaining, resetSeconds } = standing;
    heard = {
      limit: standing.limit,
      remaining,
      resetMs: resetSeconds * 1_000,
      at: now,
      leftBefore: left,
      leftAfter: left,
    };
  };

  for (let ms = 0; ms <= about.seconds * 1_000; ms += stepMs) {
    const now = base + ms;
    if (ms % tickMs === 0) {
      memory = remember(memory, { now, left, heard });
      const room = roomOf(memory, { now, left, heard });
      if (starts > 0) perStart = Math.max(1, requests / starts);
      [starts, requests] = [starts / 2, requests / 2];
      pending.push({ at: ms + delayMs, rest: room.rest / perStart, urgent: Math.max(3, room.urgent / 3) });
    }
    while (pending[0] && pending[0].at <= ms) {
      rest.rate = pending[0].rest;
      quick.rate = pending[0].urgent;
      pending.shift();
    }
    for (const [index, other] of others.entries()) {
      if (ms < other.from * 1_000 || ms >= other.to * 1_000) continue;
      owed[index] = (owed[index] ?? 0) + (other.aSecond * stepMs) / 1_000;
      for (; (owed[index] ?? 0) > 1 - 1e-9; owed[index] = (owed[index] ?? 0) - 1) {
        othersSent += 1;
        if (!limiter.take('key', now).allowed) othersRefused.push(ms / 1_000);
      }
    }
    canMake = Math.min(canMake + (fastest * stepMs) / 1_000, fastest / 10);
    while (urgentLeft[0] !== undefined && urgentLeft[0] * 1_000 <= ms && quick.takes(ms)) {
      urgentWaits.push(ms / 1_000 - (urgentLeft.shift() ?? 0));
      for (let one = 0; one < 3; one += 1) send(now);
    }
    for (; underWay.length > 0 && canMake >= 1; canMake -= 1) {
      send(now);
      underWay[0] = (underWay[0] ?? 0) - 1;
      if ((underWay[0] ?? 0) <= 0) underWay.shift();
    }
    while (canMake >= 1) {
      const index = jobs.findIndex((job) => job.at * 1_000 <= ms && job.left > 0);
      const job = jobs[index];
      if (!job || !rest.takes(ms)) break;
      job.left -= 1;
      if (job.left === 0) doneAt[index] = ms / 1_000;
      const { requests: each = 1 } = job;
      starts += 1;
      requests += each;
      canMake -= 1;
      send(now);
      if (each > 1) underWay.push(each - 1);
    }
  }
  return {
    sent: left,
    refused,
    lastRefused,
    othersSent,
    othersRefused,
    doneAt,
    urgentWaits,
    taken,
    memory,
  };
}

/** The most of these instants that lie in any minute. */
export function mostInAMinute(instants: readonly number[]): number {
  let [most, from] = [0, 0];
  for (const [index, at] of instants.entries()) {
    while ((instants[from] ?? 0) <= at - 60_000) from += 1;
    most = Math.max(most, index - from + 1);
  }
  return most;
}

/** A Task Queue's limiter: even, with one second's worth at once. */
function gcra(): { rate: number; readonly takes: (ms: number) => boolean } {
  let tokens = 1;
  let last = 0;
  return {
    rate: 5,
    takes(ms) {
      tokens = Math.min(Math.max(this.rate, 1), tokens + (this.rate * (ms - last)) / 1_000);
      last = ms;
      if (this.rate === 0 || tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
