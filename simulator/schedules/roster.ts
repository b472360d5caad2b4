import type { Schedule } from '../model.ts';
import { renderFinal, type WholeDuty, wholeDuties } from './render.ts';

/** Remembers what it rendered: a day at once at least, for whoever asks for an instant asks soon for the next one. */
export class Roster {
  // A schedule that changes is another object, so nothing here grows old.
  readonly #rendered = new WeakMap<Schedule, Rendered>();

  /** Who has the duty by the final schedule: everything that touches `since` to `until`, in order and uncut. */
  duties(schedule: Schedule, since: number, until: number): readonly WholeDuty[] {
    let known = this.#rendered.get(schedule);
    if (!known || since < known.since || until > known.until) {
      known = renderFrom(schedule, since, Math.max(until, since + dayMs));
      this.#rendered.set(schedule, known);
    }
    return known.duties.filter(({ start, end }) => start <= until && (end ?? Infinity) > since);
  }

  userAt(schedule: Schedule, at: number): string | undefined {
    return this.duties(schedule, at, at)[0]?.userId;
  }
}

interface Rendered {
  readonly since: number;
  readonly until: number;
  readonly duties: readonly WholeDuty[];
}

const renderFrom = (schedule: Schedule, since: number, until: number): Rendered => ({
  since,
  until,
  duties: wholeDuties(schedule, renderFinal(schedule), since, until),
});

const dayMs = 24 * 3_600_000;
