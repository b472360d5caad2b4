/** From an instant up to, and not with, another; milliseconds since 1970. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Somebody's span. */
export interface Duty extends Span {
  readonly userId: string;
}

/** What of these lies between two instants. */
export const clip = <Part extends Span>(parts: readonly Part[], since: number, until: number): Part[] =>
  parts.flatMap((part) => {
    const start = Math.max(part.start, since);
    const end = Math.min(part.end, until);
    return start < end ? [{ ...part, start, end }] : [];
  });

/** The time that any of these covers, in order; spans that overlap or touch are one. */
export function union(spans: readonly Span[]): readonly Span[] {
  const joined: Span[] = [];
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last && start <= last.end) joined[joined.length - 1] = { ...last, end: Math.max(last.end, end) };
    else if (start < end) joined.push({ start, end });
  }
  return joined;
}

/** What of the duties falls into any of the spans, both in order. */
export function within(duties: readonly Duty[], spans: readonly Span[]): readonly Duty[] {
  const inside: Duty[] = [];
  let first = 0;
  for (const duty of duties) {
    while ((spans[first]?.end ?? Infinity) <= duty.start) first += 1;
    for (let index = first; ; index += 1) {
      const span = spans[index];
      if (!span || span.start >= duty.end) break;
      inside.push(...clip([duty], span.start, span.end));
    }
  }
  return inside;
}

/** Both, where the upper ones take the time from the lower ones; all in order. */
export function cover(lower: readonly Duty[], upper: readonly Duty[]): readonly Duty[] {
  const free = gaps(upper);
  return [...within(lower, free), ...upper].toSorted((a, b) => a.start - b.start);
}

/** Duties that touch and are the same person's are one. */
export function join(duties: readonly Duty[]): readonly Duty[] {
  const joined: Duty[] = [];
  for (const duty of duties) {
    const last = joined.at(-1);
    if (last?.userId === duty.userId && last.end === duty.start) {
      joined[joined.length - 1] = { ...last, end: duty.end };
    } else joined.push(duty);
  }
  return joined;
}

/** The time that none of these covers, in order. */
function gaps(spans: readonly Span[]): readonly Span[] {
  const taken = union(spans);
  const edges = [-Infinity, ...taken.flatMap(({ start, end }) => [start, end]), Infinity];
  return edges.flatMap((start, index) => {
    const end = edges[index + 1];
    return index % 2 === 0 && end !== undefined && start < end ? [{ start, end }] : [];
  });
}
