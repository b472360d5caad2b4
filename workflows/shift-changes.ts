import type { Span } from './coverage.ts';

/** One person's time on call, in a place that only one or several have at a time: a schedule, or a level of a policy. */
export interface Shift {
  readonly place: string;
  readonly user: string;
  /** Milliseconds since 1970; `null` where it always was so, or never ends. */
  readonly start: number | null;
  readonly end: number | null;
}

/**
 * The instants within a span at which somebody else is on call than just before, or nobody: in order, each once, however many
 * places change at it. Where one person's shifts follow each other nothing changes. An instant is a whole second, the first one
 * at which it is so. What the edges of the span cut is no change.
 */
export function changesOf(shifts: readonly Shift[], { start, end }: Span): readonly number[] {
  const places = new Map<string, Shift[]>();
  for (const shift of shifts) places.set(shift.place, [...(places.get(shift.place) ?? []), shift]);
  const changes = new Set<number>();
  for (const inPlace of places.values()) {
    const edges = new Set(inPlace.flatMap((shift) => [shift.start, shift.end]));
    for (const edge of edges) {
      if (edge === null || edge <= start || edge >= end) continue;
      if (whoHas(inPlace, edge) !== whoHas(inPlace, edge - 1))
        changes.add(Math.ceil(edge / secondMs) * secondMs);
    }
  }
  return [...changes].toSorted((a, b) => a - b);
}

/** Ids of those who are on call at an instant. */
const whoHas = (shifts: readonly Shift[], at: number): string =>
  [
    ...new Set(
      shifts
        .filter((shift) => (shift.start ?? -Infinity) <= at && at < (shift.end ?? Infinity))
        .map(({ user }) => user),
    ),
  ]
    .toSorted()
    .join(' ');

const secondMs = 1_000;
