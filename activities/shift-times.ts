import type { KeptShifts } from '../gate/shift-changes.ts';

/** How far ahead who is on call is read: a Worker may be away that long and no change is missed but those that are new. */
export const aheadMs = 14 * 24 * 3_600_000;

/** What lies less far ahead than this is written anew: not at each shift, so that a Schedule is mostly left in peace. */
const renewMs = 7 * 24 * 3_600_000;

/** How long past changes stay in the Schedule: longer than the longest time in which one may be caught up. */
const keptMs = 48 * 3_600_000;

/** How far back changes are looked for that were not known: less than past ones are kept, or they would seem new. */
export const backMs = 36 * 3_600_000;

/** How many changes to come a Schedule holds. */
const mostAhead = 50;

/** What was read of who is on call. */
export interface ReadChanges {
  /** Instants, in order; milliseconds since 1970. */
  readonly changes: readonly number[];
  /** Up to where they were read. */
  readonly until: number;
}

/** What is to become of a Schedule. */
export interface ShiftPlan {
  /** The instants that it is to hold. */
  readonly times: readonly number[];
  readonly until: number;
  /** Those that have passed before anybody knew of them, and are to be caught up. */
  readonly late: readonly number[];
  /** How many passed too long ago for that. */
  readonly missed: number;
  /** Whether the Schedule is right as it stands. */
  readonly isWritten: boolean;
}

/**
 * What follows from what was read at an instant. A change that was known is the Schedule's to start. One that was not and has
 * passed is caught up within the window, once: it is known from then on. One that was known and is no longer to come is taken out.
 * @param since when the order was put on the server: what changed before is none of its business.
 */
export function planShifts(
  kept: Pick<KeptShifts, 'times' | 'until'> | undefined,
  { changes, until: readUntil }: ReadChanges,
  {
    at,
    since,
    catchupMs,
    isPaused,
  }: {
    readonly at: number;
    readonly since: number;
    readonly catchupMs: number;
    readonly isPaused: boolean;
  },
): ShiftPlan {
  const known = kept?.times ?? [];
  const fresh = changes.filter((time) => time <= at && time > since && !known.includes(time));
  const late = isPaused ? [] : fresh.filter((time) => time >= at - catchupMs);
  const missed = isPaused ? 0 : fresh.length - late.length;
  const ahead = changes.filter((time) => time > at);
  const next = ahead.slice(0, mostAhead);
  const until = ahead.length > next.length ? (next.at(-1) ?? at) : readUntil;
  const past = [...known, ...changes].filter((time) => time <= at && time > at - keptMs);
  const times = [...new Set([...past, ...next])].toSorted((a, b) => a - b);
  const knownAhead = known.filter((time) => time > at);
  const reach = kept?.until ?? at;
  const isWritten =
    kept !== undefined &&
    fresh.length === 0 &&
    isSame(
      knownAhead,
      ahead.filter((time) => time <= reach),
    ) &&
    (reach >= at + renewMs || isSame(knownAhead, next));
  return isWritten
    ? { times: known, until: reach, late, missed, isWritten }
    : { times, until, late, missed, isWritten };
}

const isSame = (some: readonly number[], others: readonly number[]): boolean =>
  some.length === others.length && some.every((one, index) => one === others[index]);
