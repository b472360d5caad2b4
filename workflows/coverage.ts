/** From an instant up to, and not with, another; milliseconds since 1970. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One person on call at one level of one policy; `start` null: it always was so, `end` null: it never ends. */
export interface Duty {
  readonly level: number;
  readonly user: string;
  /** Id of the schedule; absent for a user who is a target himself. */
  readonly schedule?: string;
  readonly start: number | null;
  readonly end: number | null;
}

/** A time in which the same duties hold. */
export interface Stretch extends Span {
  readonly duties: readonly Duty[];
}

/** A span from its first to its last instant, cut into stretches: they cover all of it, also where nobody is on call. */
export function stretchesOf(duties: readonly Duty[], { start, end }: Span): readonly Stretch[] {
  const cut = duties
    .map((duty) => ({
      duty,
      from: Math.max(duty.start ?? start, start),
      to: Math.min(duty.end ?? end, end),
    }))
    .filter(({ from, to }) => from < to)
    .toSorted((a, b) => a.from - b.from);
  const edges = [...new Set([start, ...cut.flatMap(({ from, to }) => [from, to]), end])].toSorted(
    (a, b) => a - b,
  );
  const stretches: Stretch[] = [];
  let held: typeof cut = [];
  let next = 0;
  for (const [index, from] of edges.entries()) {
    const to = edges[index + 1];
    if (to === undefined) break;
    held = held.filter((one) => one.to > from);
    for (let one = cut[next]; one && one.from === from; one = cut[next]) {
      held.push(one);
      next += 1;
    }
    stretches.push({ start: from, end: to, duties: held.map(({ duty }) => duty) });
  }
  return stretches;
}

/**
 * Duties as they are once somebody else has a schedule in a span.
 * @param levels at which the policy pages by that schedule: where nobody had it, no duty tells of them.
 */
export function withOverride(
  duties: readonly Duty[],
  { schedule, user, start, end }: Span & { readonly schedule: string; readonly user: string },
  levels: readonly number[],
): readonly Duty[] {
  const left = duties.flatMap((duty): readonly Duty[] => {
    if (duty.schedule !== schedule || endOf(duty) <= start || startOf(duty) >= end) return [duty];
    return [
      ...(startOf(duty) < start ? [{ ...duty, end: start }] : []),
      ...(endOf(duty) > end ? [{ ...duty, start: end }] : []),
    ];
  });
  return [...left, ...levels.map((level) => ({ level, user, schedule, start, end }))];
}

/** The spans of those for which it is so; what touches is one. */
function spansWhere<Part extends Span>(
  parts: readonly Part[],
  isSo: (part: Part) => boolean,
): readonly Span[] {
  const spans: Span[] = [];
  for (const part of parts) {
    if (!isSo(part)) continue;
    const last = spans.at(-1);
    if (last?.end === part.start) spans[spans.length - 1] = { start: last.start, end: part.end };
    else spans.push({ start: part.start, end: part.end });
  }
  return spans;
}

/** What of some spans lies within others; both in order. */
export function within(spans: readonly Span[], others: readonly Span[]): readonly Span[] {
  const inside: Span[] = [];
  let first = 0;
  for (const { start, end } of spans) {
    while ((others[first]?.end ?? Number.POSITIVE_INFINITY) <= start) first += 1;
    for (let index = first; ; index += 1) {
      const other = others[index];
      if (!other || other.start >= end) break;
      inside.push({ start: Math.max(start, other.start), end: Math.min(end, other.end) });
    }
  }
  return inside;
}

/** When a level reaches nobody. */
export const gapsOf = (stretches: readonly Stretch[], level: number): readonly Span[] =>
  spansWhere(stretches, ({ duties }) => !duties.some((duty) => duty.level === level));

/** When every level that reaches somebody reaches one and the same person, and there are two such levels or more. */
export function soleTimes(
  stretches: readonly Stretch[],
): readonly { readonly user: string; readonly spans: readonly Span[] }[] {
  const soleIn = ({ duties }: Stretch): string | undefined => {
    const [first] = duties;
    const isSole =
      first !== undefined &&
      duties.every(({ user }) => user === first.user) &&
      duties.some(({ level }) => level !== first.level);
    return isSole ? first.user : undefined;
  };
  const users = new Set(stretches.flatMap((stretch) => soleIn(stretch) ?? []));
  return [...users].map((user) => ({
    user,
    spans: spansWhere(stretches, (stretch) => soleIn(stretch) === user),
  }));
}

/** A duty without a break, uncut; of several schedules of a level where one person has them after each other. */
export interface Turn {
  readonly level: number;
  readonly user: string;
  readonly start: number | null;
  readonly end: number | null;
}

/** Who is on call how long without a break, at each level; duties that touch or overlap are one turn. */
export function turnsOf(duties: readonly Duty[]): readonly Turn[] {
  const turns: Turn[] = [];
  const open = new Map<string, number>();
  for (const { level, user, start, end } of duties.toSorted((a, b) => startOf(a) - startOf(b))) {
    const key = `${level} ${user}`;
    const at = open.get(key);
    const before = at === undefined ? undefined : turns[at];
    if (at !== undefined && before && startOf({ start }) <= endOf(before)) {
      turns[at] = { ...before, end: endOf({ end }) > endOf(before) ? end : before.end };
    } else {
      open.set(key, turns.length);
      turns.push({ level, user, start, end });
    }
  }
  return turns;
}

export const startOf = ({ start }: Pick<Duty, 'start'>): number => start ?? Number.NEGATIVE_INFINITY;
export const endOf = ({ end }: Pick<Duty, 'end'>): number => end ?? Number.POSITIVE_INFINITY;

/** All spans together, in milliseconds. */
export const lengthOf = (spans: readonly Span[]): number =>
  spans.reduce((sum, { start, end }) => sum + (end - start), 0);
