import { windowMs as countedOver, urgentPart, usualLimit } from '../activities/meter.ts';
import type { Standing } from '../pagerduty/rate-limit.ts';

// How many requests a second an account has room for: counts, headers and time go in, limits come out. Nothing here asks a clock,
// a server or chance. PagerDuty does not say how it counts, so nothing here rests on one way: what may be spent is what the last
// answer said is left. The way is guessed only to tell how much of what was used others used.

/** What is known at one moment of one credential's budget. Instants in milliseconds. */
export interface Known {
  readonly now: number;
  /** Requests of ours that have ever left, by all Workers. */
  readonly left: number;
  /** What the newest answer said. */
  readonly heard?: Heard | undefined;
}

export interface Heard extends Standing {
  readonly at: number;
  /** Requests of ours that PagerDuty had surely counted by then. */
  readonly leftBefore: number;
  /** Requests of ours that it can have counted by then, at most. */
  readonly leftAfter: number;
}

/** What is remembered from one moment to the next. Plain data: the next keeper goes on from it. */
export interface Memory {
  /** Whether what was used comes back all at once at the end of a window, or bit by bit. */
  readonly way: 'window' | 'rolling';
  /** The end of the running window; of the oldest request, or of the wait for a token, where it rolls. */
  readonly endsAt: number;
  readonly heardAt: number;
  /** How many requests of ours had left by an instant: one entry a moment, the oldest somewhat older than a window. */
  readonly trail: readonly (readonly [at: number, left: number])[];
  /** How much others had used of the running window, or in the last minute, by an instant. */
  readonly others: readonly (readonly [at: number, used: number])[];
  /** Requests a second that others may be expected to make: the most they made, and half of it after each stretch without. */
  readonly expected: number;
}

/** Requests a second. */
export interface Room {
  readonly rest: number;
  readonly urgent: number;
  /** Why, for people who look at the limit. */
  readonly why: string;
}

export const nothingKnown: Memory = {
  way: 'window',
  endsAt: 0,
  heardAt: 0,
  trail: [],
  others: [],
  expected: 0,
};

export interface Settings {
  readonly windowMs: number;
  /** What PagerDuty gives where it has not said so. */
  readonly usualLimit: number;
}

/** PagerDuty's own: 960 a minute. */
const pagerDutys: Settings = { windowMs: countedOver, usualLimit };

/** The part of a limit that stays for the customer's other tools. */
const toolsPart = 0.1;

/** What others are expected to use, and some more. */
const margin = 1.1;

/** No limit of their own is needed above this: what is left falls faster than anybody could follow. */
const fullSpeed = 100;

/** Urgent work gets at least this, whatever is left: three writes with the reads of their decisions. */
const leastUrgent = 9;

/** Work that is not urgent never stops altogether while something is left: by its answers we hear how things stand. */
const trickle = 0.5;

/** Until it is heard how things stand: after the end of a window all is back, where it rolls perhaps one. */
const probing = { window: 10, rolling: 1 } as const;

/** What is left is never spent faster than in this time: a limit takes a moment to reach the server, which lets a second's worth out at once. */
const brakingS = 3;

/** The last part of a window's budget is spread over the time left in it. */
const spreadPart = 1 / 10;

/** The same for urgent work, which comes in bursts. */
const urgentS = 10;

/** The header counts whole seconds and answers take their time: instants made from it are no more exact. */
const inexactMs = 1_500;

/** Over how long it is looked how fast others go. */
const watchedMs = 10_000;

/** Others use less than this part of the limit: not told from what is under way. */
const unseenPart = 1 / 40;

/** After this many windows without others, half of what they may be expected to use is ours again. */
const halvesAfter = 3;

/** What is remembered once this is known too. */
export function remember(memory: Memory, known: Known, { windowMs }: Settings = pagerDutys): Memory {
  const { now, heard } = known;
  const trail = trimmed(
    [...memory.trail, [now, known.left] as const],
    now - windowMs - 10_000,
    windowMs / 240,
  );
  const elapsed = Math.max(0, now - (memory.trail.at(-1)?.[0] ?? now));
  const expected = memory.expected * 0.5 ** (elapsed / (halvesAfter * windowMs));
  if (!heard || heard.at <= memory.heardAt) return { ...memory, trail, expected };
  const { way, endsAt, isNew } = placed(memory, heard, windowMs);
  const beganAt = way === 'window' ? endsAt - windowMs : heard.at - windowMs;
  // Of ours rather too many than too few: what is taken for others' slows us down.
  const ours = heard.leftAfter - leftBy(trail, beganAt - inexactMs);
  const used = Math.max(0, heard.limit - heard.remaining - ours);
  const earlier = way === 'window' && isNew ? [] : memory.others;
  const others = trimmed([...earlier, [heard.at, used] as const], heard.at - watchedMs, windowMs / 240);
  const seen = { way, beganAt, windowMs, isWhole: (trail[0]?.[0] ?? now) <= beganAt - inexactMs };
  const pace = used < heard.limit * unseenPart ? 0 : paceOf(others, used, seen, heard.at);
  return { way, endsAt, heardAt: heard.at, trail, others, expected: Math.max(expected, pace) };
}

/** What there is room for. */
export function roomFor(memory: Memory, known: Known, settings: Settings = pagerDutys): Room {
  const { now, left, heard } = known;
  const { windowMs } = settings;
  const limit = heard?.limit ?? settings.usualLimit;
  const isFresh = heard !== undefined && now - heard.at <= windowMs;
  // Where nothing was heard for a whole window, all but our own is back by any way of counting.
  const remaining = isFresh
    ? heard.remaining - (left - heard.leftBefore)
    : limit - (left - leftBy(memory.trail, now - windowMs));
  const leftS = Math.max(0.5, (memory.endsAt - now) / 1_000);
  const toolsHave = memory.others.at(-1)?.[1] ?? 0;
  const toCome =
    memory.way === 'window' && isFresh
      ? memory.expected * Math.min(leftS, windowMs / 1_000)
      : Math.max(0, (memory.expected * windowMs) / 1_000 - toolsHave);
  const forTools = Math.min(Math.max(limit * toolsPart, toCome * margin), limit * 0.75);
  const spendable = remaining - limit * urgentPart - forTools;
  const isOver = isFresh && now >= heard.at + heard.resetMs;
  const free = memory.expected * (windowMs / 1_000) <= limit * toolsPart;
  const pace = paceFor(
    { spendable, usable: limit - limit * urgentPart - forTools, leftS, free, isFresh },
    memory,
    {
      windowMs,
      limit,
    },
  );
  const least = remaining > limit * urgentPart ? trickle : 0;
  return {
    rest: Math.min(fullSpeed, Math.max(pace, isOver ? probing[memory.way] : 0, least)),
    urgent: Math.min(fullSpeed, Math.max(leastUrgent, remaining / urgentS)),
    why: words({ remaining, limit, leftS, memory, isFresh }),
  };
}

/** Requests a second that ordinary work may make of what may be spent. */
function paceFor(
  {
    spendable,
    usable,
    leftS,
    free,
    isFresh,
  }: {
    readonly spendable: number;
    readonly usable: number;
    readonly leftS: number;
    /** Whether nobody else is to be expected. */
    readonly free: boolean;
    readonly isFresh: boolean;
  },
  { way, expected }: Memory,
  { windowMs, limit }: { readonly windowMs: number; readonly limit: number },
): number {
  if (spendable <= 0) return 0;
  const fastest = spendable / brakingS;
  if (way === 'window' && isFresh) {
    const even = Math.min(fastest, spendable / leftS);
    return free ? Math.max(even, (spendable - usable * spreadPart) / brakingS) : even;
  }
  if (free) return fastest;
  // What we spend at once would be missing at once a minute later as well, while others need it.
  const windowS = windowMs / 1_000;
  const share = limit * (1 - urgentPart) - Math.max(limit * toolsPart, expected * windowS * margin);
  return Math.min(fastest, Math.max(share / windowS, trickle));
}

/** Where an answer lies: in the window that is known, or in another, and what that says about the way of counting. */
function placed(
  memory: Memory,
  heard: Heard,
  windowMs: number,
): Pick<Memory, 'way' | 'endsAt'> & { readonly isNew: boolean } {
  const endsAt = heard.at + heard.resetMs;
  const isFirst = memory.endsAt === 0;
  if (heard.at > memory.endsAt) {
    // Only who has heard how it stood just before can tell: a window that others opened may be half over.
    const isWitness =
      !isFirst && memory.endsAt - memory.heardAt <= 2_000 && heard.at - memory.endsAt <= 2_000;
    const opened = heard.resetMs >= windowMs - 4_000 ? 'window' : 'rolling';
    return { way: isFirst || isWitness || opened === 'window' ? opened : memory.way, endsAt, isNew: true };
  }
  // The end of a window stands; whatever rolls moves on.
  if (endsAt > memory.endsAt + 2 * inexactMs) return { way: 'rolling', endsAt, isNew: true };
  if (memory.way === 'rolling') return { way: 'rolling', endsAt, isNew: false };
  return { way: 'window', endsAt: Math.min(memory.endsAt, endsAt), isNew: false };
}

/** Requests a second that others make: over the whole time, or lately where that is more. */
function paceOf(
  others: Memory['others'],
  used: number,
  {
    way,
    beganAt,
    windowMs,
    isWhole,
  }: {
    readonly way: Memory['way'];
    readonly beganAt: number;
    readonly windowMs: number;
    /** Whether we have counted all that time: what we used before we counted looks like others'. */
    readonly isWhole: boolean;
  },
  at: number,
): number {
  const wholeMs = way === 'window' ? Math.max(at - beganAt, watchedMs) : windowMs;
  const [firstAt, first] = others[0] ?? [at, used];
  const lately = (used - first) / Math.max(at - firstAt, watchedMs);
  return Math.max(isWhole ? used / wholeMs : 0, lately) * 1_000;
}

/** How many of ours had left by an instant; rather too few. */
function leftBy(trail: Memory['trail'], at: number): number {
  let by = trail[0]?.[1] ?? 0;
  for (const [then, left] of trail) {
    if (then > at) break;
    by = left;
  }
  return by;
}

/** Without what is too old; of what lies close together the newest. */
function trimmed<T>(
  entries: readonly (readonly [at: number, value: T])[],
  from: number,
  closeMs: number,
): readonly (readonly [at: number, value: T])[] {
  const kept = entries.filter(([at]) => at >= from);
  const [newest, last, before] = [kept.at(-1), kept.at(-2), kept.at(-3)];
  if (!newest || !last || !before || last[0] - before[0] >= closeMs) return kept;
  return [...kept.slice(0, -2), newest];
}

function words({
  remaining,
  limit,
  leftS,
  memory,
  isFresh,
}: {
  readonly remaining: number;
  readonly limit: number;
  readonly leftS: number;
  readonly memory: Memory;
  readonly isFresh: boolean;
}): string {
  const left = `${Math.max(0, Math.round(remaining))} of ${limit} requests are left`;
  const until = memory.way === 'window' && isFresh ? ` for ${Math.ceil(leftS)} s` : '';
  const others = memory.expected >= 0.5 ? `; ${memory.expected.toFixed(1)} a second are left to others` : '';
  return `${left}${until}${others}`;
}
