/** Something to be done at an instant; off the agenda once done or cancelled. */
export interface Timer {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly run: () => void;
}

interface Entry extends Timer {
  /** Equal instants keep the order in which they were set. */
  readonly order: number;
  /** Where it stands in the heap; -1 once it is off. */
  place: number;
}

/** What is due when, as a binary heap: tens of thousands of incidents have a timer or two each, and cancel most of them. */
export class Agenda {
  readonly #heap: Entry[] = [];
  #order = 0;

  get first(): Timer | undefined {
    return this.#heap[0];
  }

  add(at: number, run: () => void): Timer {
    this.#order += 1;
    const entry: Entry = { at, run, order: this.#order, place: this.#heap.length };
    this.#heap.push(entry);
    this.#rise(entry);
    return entry;
  }

  /** Does nothing for a timer that is off already. */
  cancel(timer: Timer): void {
    const { place } = timer as Entry;
    const entry = this.#heap[place];
    if (entry !== timer) return;
    const last = this.#heap.pop();
    entry.place = -1;
    if (!last || last === entry) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  clear(): void {
    for (const entry of this.#heap) entry.place = -1;
    this.#heap.length = 0;
  }

  #rise(entry: Entry): void {
    while (entry.place > 0) {
      const above = this.#heap[(entry.place - 1) >> 1];
      if (!above || !isBefore(entry, above)) return;
      this.#swap(entry, above);
    }
  }

  #sink(entry: Entry): void {
    for (;;) {
      const left = this.#heap[entry.place * 2 + 1];
      const right = this.#heap[entry.place * 2 + 2];
      const next = left && right && isBefore(right, left) ? right : left;
      if (!next || !isBefore(next, entry)) return;
      this.#swap(entry, next);
    }
  }

  #swap(one: Entry, other: Entry): void {
    const { place } = one;
    this.#put(one, other.place);
    this.#put(other, place);
  }

  #put(entry: Entry, place: number): void {
    this.#heap[place] = entry;
    entry.place = place;
  }
}

const isBefore = (one: Entry, other: Entry): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order);
