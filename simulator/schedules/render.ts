import type { Schedule } from '../model.ts';
import { renderLayer } from './layer.ts';
import { clip, cover, type Duty, join, type Span } from './span.ts';

/** Gives everything between two instants, in order and cut there. */
export type Render = (since: number, until: number) => readonly Duty[];

/**
 * Who has the duty, never two at once: layers lie on one another in the order of their list, so that the last one wins, and
 * overrides on all layers, the newest on top. Where nothing lies nobody has it.
 */
export const renderFinal =
  ({ layers, overrides, timeZone }: Schedule): Render =>
  (since, until) => {
    const byLayers = layers.reduce<readonly Duty[]>(
      (lower, layer) => cover(lower, renderLayer(layer, timeZone, since, until)),
      [],
    );
    return join(cover(byLayers, renderOverrides({ overrides })(since, until)));
  };

/** The overrides alone; of two at once the newer one. Two that touch stay two. */
export const renderOverrides =
  ({ overrides }: Pick<Schedule, 'overrides'>): Render =>
  (since, until) =>
    overrides.reduce<readonly Duty[]>((older, { userId, start, end }) => {
      const newer = clip([{ userId, start, end }], since, until);
      return newer.length === 0 ? older : cover(older, newer);
    }, []);

/** A duty from its very start to its very end; `end` null: it never ends. */
export interface WholeDuty {
  readonly userId: string;
  readonly start: number;
  readonly end: number | null;
}

/** Every duty that touches `since` to `until`, uncut. */
export function wholeDuties(
  schedule: Schedule,
  render: Render,
  since: number,
  until: number,
): readonly WholeDuty[] {
  const { earliest, latest } = bounds(schedule, until);
  for (let reach = firstReach; ; reach *= 2) {
    const from = Math.max(since - reach, Math.min(earliest, since));
    const to = Math.min(until + reach, latest);
    const touching = render(from, to).filter((duty) => touches(duty, since, until));
    const first = touching.find(({ start }) => start === from);
    const last = touching.find(({ end }) => end === to);
    const isWhole = (!first || from <= earliest) && (!last || to === latest);
    if (isWhole) return touching.map((duty) => ({ ...duty, end: duty.end === latest ? null : duty.end }));
  }
}

/** One that starts at the last instant counts, one that ended at the first does not. */
const touches = ({ start, end }: Span, since: number, until: number): boolean =>
  start <= until && end > since;

/** Before the earliest nothing is; what is still the same two years after the last change that is written down never ends. */
function bounds({ layers, overrides }: Schedule, until: number): { earliest: number; latest: number } {
  const spans = [...layers, ...overrides];
  const written = spans.flatMap(({ start, end }) => (end === null ? [start] : [start, end]));
  return {
    earliest: Math.min(...spans.map(({ start }) => start)),
    latest: Math.max(until, ...written) + 2 * 366 * dayMs,
  };
}

const dayMs = 24 * 3_600_000;
const firstReach = 16 * dayMs;
