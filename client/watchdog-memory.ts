import { z } from 'zod';

/** What of the runner can be away. */
export const parts = ['temporal', 'worker', 'store', 'receiver'] as const;
export type Part = (typeof parts)[number];

/** What one look found: of each part that is watched why it is away, in a sentence; `null` where it is there. */
export type Look = Readonly<Partial<Record<Part, string | null>>>;

const Instant = z.number().int();
const Entry = z.strictObject({ since: Instant, seenAt: Instant, thereSince: Instant.optional() });

/** After so long without a look, in milliseconds, nothing is known of the time between: the machine was off, or nobody looked. */
const forgetsAfterMs = 120_000;

/** What is remembered from one look to the next. Instants in milliseconds since 1970. */
export const Memory = z.strictObject({
  /** Parts that are away, or have not been there for long enough since. */
  away: z.partialRecord(z.enum(parts), Entry),
  /** Since when people know; `unknown` where nobody remembers whether they do. */
  told: z.union([Instant, z.literal('unknown')]).optional(),
});
export type Memory = z.output<typeof Memory>;

/** Nothing is remembered: of a first look, and where the memory got lost. Perhaps people know of an outage that is over. */
export const nothingRemembered: Memory = { away: {}, told: 'unknown' };

/** How patient the watchdog is, in milliseconds. */
export interface Patience {
  /** How long a part must have been away before people are told: a restart pages nobody. */
  readonly awayAfterMs: number;
  /** How long it must have been there before it counts as back: what comes and goes is one outage. */
  readonly backAfterMs: number;
}

/** What is remembered after a look. */
export function remember(memory: Memory, look: Look, now: number, { backAfterMs }: Patience): Memory {
  const away: Memory['away'] = {};
  for (const part of parts) {
    const why = look[part];
    const before = memory.away[part];
    // What is no longer watched is forgotten.
    if (why === undefined) continue;
    // A clock that was set back must not make it wait.
    const thereSince = before?.thereSince === undefined ? undefined : Math.min(before.thereSince, now);
    const isBack = thereSince !== undefined && now - thereSince >= backAfterMs;
    const goesOn = before !== undefined && !isBack && now - before.seenAt < forgetsAfterMs;
    if (why !== null) away[part] = { since: goesOn ? Math.min(before.since, now) : now, seenAt: now };
    else if (before && !isBack)
      away[part] = { since: before.since, seenAt: now, thereSince: thereSince ?? now };
  }
  return { ...memory, away };
}

/** What is to be told now; `undefined` where it is nothing. */
export function due(
  { away, told }: Memory,
  look: Look,
  now: number,
  { awayAfterMs }: Patience,
): 'down' | 'up' | undefined {
  if (typeof told !== 'number') {
    const isLong = parts.some((part) => look[part] && now - (away[part]?.since ?? now) >= awayAfterMs);
    if (isLong) return 'down';
  }
  return told !== undefined && Object.keys(away).length === 0 ? 'up' : undefined;
}

/** Whether a further look soon could change what people are told. */
export function isSettled({ away, told }: Memory, look: Look): boolean {
  const isAway = parts.some((part) => look[part]);
  return typeof told === 'number' ? isAway : !isAway && (told === undefined || Object.keys(away).length > 0);
}
