import { judge, type Verdict } from './judge.ts';
import type { Stand, Subject } from './stand.ts';

/** What was counted in one cell: one fault, one write. */
export interface Cell {
  readonly fault: string;
  readonly write: string;
  runs: number;
  struck: number;
  lost: number;
  doubled: number;
  unrecorded: number;
  /** Of these runs, how many said that nobody can know. */
  told: number;
  /** The first few things that went wrong. */
  readonly why: string[];
}

const mostReasons = 5;

/** The cells of a campaign, filled while it runs. */
export class Tally {
  readonly #cells = new Map<string, Cell>();

  cell(fault: string, write: string): Cell {
    const name = `${fault}/${write}`;
    const known = this.#cells.get(name);
    if (known) return known;
    const fresh = { fault, write, runs: 0, struck: 0, lost: 0, doubled: 0, unrecorded: 0, told: 0, why: [] };
    this.#cells.set(name, fresh);
    return fresh;
  }

  get cells(): readonly Cell[] {
    return [...this.#cells.values()];
  }

  /**
   * Judges runs that have ended. A run that the fault did not strike is judged too, and counts as not struck.
   * @param isStruck whether the fault struck, beside what the request log says.
   */
  async judge(
    fault: string,
    stand: Stand,
    subjects: readonly Subject[],
    isStruck: (subject: Subject, verdict: Verdict) => boolean,
    { isCounted = isStruck }: { readonly isCounted?: typeof isStruck } = {},
  ): Promise<void> {
    for (const [subject, verdict] of await judge(stand, subjects)) {
      const cell = this.cell(fault, subject.write.operation);
      const wrong = verdict.lost || verdict.doubled || verdict.unrecorded;
      // A run that was not placed in time counts nowhere, unless something went wrong with it.
      if (!isCounted(subject, verdict) && !wrong) continue;
      cell.runs += 1;
      if (isStruck(subject, verdict)) cell.struck += 1;
      if (verdict.lost) cell.lost += 1;
      if (verdict.doubled) cell.doubled += 1;
      if (verdict.unrecorded) cell.unrecorded += 1;
      if (verdict.told) cell.told += 1;
      if (cell.why.length < mostReasons)
        cell.why.push(...verdict.why.map((why) => `${subject.token} ${why}`));
    }
  }
}

/** What is wrong with a cell, in words; nothing where it holds. */
export function faultsOf(cell: Cell, wanted: number): readonly string[] {
  const { fault, write, runs, struck, lost, doubled, unrecorded, why } = cell;
  const counts = [
    ...(struck < runs || struck < wanted ? [`struck ${struck} of ${Math.max(runs, wanted)}`] : []),
    ...Object.entries({ lost, doubled, unrecorded }).flatMap(([what, count]) =>
      count > 0 ? [`${what} ${count}`] : [],
    ),
  ];
  return counts.length === 0 ? [] : [`${fault}/${write}: ${counts.join(', ')}`, ...why];
}
