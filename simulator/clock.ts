import { Agenda, type Timer } from './agenda.ts';

export interface ClockOptions {
  /** First instant, in milliseconds since 1970. */
  readonly start: number;
  /** Simulated seconds in a real one. 0 stands still, so that only `advance` moves it: tests then depend on no machine. */
  readonly speed: number;
  /** Real milliseconds from any origin. */
  readonly real?: () => number;
}

/**
 * The simulator's own time: start + real time passed × speed + all that was advanced, and an agenda of what is due when.
 * `now` stands still between two calls of `catchUp`, so that everything in one request happens at one instant.
 */
export class Clock {
  readonly #speed: number;
  readonly #real: () => number;
  /** This much simulated time stood at this much real time. */
  #base: { readonly simulated: number; readonly real: number };
  #now: number;
  readonly #agenda = new Agenda();
  #waking: { readonly timer: Timer; readonly handle: NodeJS.Timeout } | undefined;

  constructor({ start, speed, real = () => performance.now() }: ClockOptions) {
    this.#speed = speed;
    this.#real = real;
    this.#base = { simulated: start, real: real() };
    this.#now = start;
  }

  /** The instant of whatever is happening, in milliseconds since 1970: for a timer that ran late, its due time. */
  get now(): number {
    return this.#now;
  }

  /** Puts something on the agenda. A past instant is due at once, with the next `catchUp`. */
  at(instant: number, run: () => void): Timer {
    const timer = this.#agenda.add(instant, run);
    this.#wakeForNext();
    return timer;
  }

  cancel(timer: Timer): void {
    this.#agenda.cancel(timer);
  }

  /** Moves `now` to the present and runs everything due by then, in order, each seeing its own instant. */
  catchUp(): void {
    const present = Math.floor(this.#base.simulated + (this.#real() - this.#base.real) * this.#speed);
    for (let next = this.#agenda.first; next && next.at <= present; next = this.#agenda.first) {
      this.#agenda.cancel(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = Math.max(this.#now, present);
    this.#wakeForNext();
  }

  /** Lets this much time pass at once. */
  advance(seconds: number): void {
    this.catchUp();
    this.#rebase({ ...this.#base, simulated: this.#base.simulated + seconds * 1000 });
  }

  /** Lets time pass up to an instant; real time counts from here on. For the world's past, which takes no time to play. */
  moveTo(instant: number): void {
    this.#rebase({ simulated: instant, real: this.#real() });
  }

  /** Nothing runs by itself any more. */
  stop(): void {
    this.#agenda.clear();
    this.#wakeForNext();
  }

  #rebase(base: { readonly simulated: number; readonly real: number }): void {
    this.#base = base;
    // What was to wake it was counted from the old base.
    clearTimeout(this.#waking?.handle);
    this.#waking = undefined;
    this.catchUp();
  }

  /** A real timer for the first of the agenda, so that nothing waits for a request to come. */
  #wakeForNext(): void {
    const next = this.#agenda.first;
    if (next === this.#waking?.timer) return;
    clearTimeout(this.#waking?.handle);
    this.#waking = undefined;
    if (!next || this.#speed === 0) return;
    const realMs = (next.at - this.#base.simulated) / this.#speed + this.#base.real - this.#real();
    const handle = setTimeout(
      () => {
        this.#waking = undefined;
        this.catchUp();
      },
      Math.min(Math.max(Math.ceil(realMs), 0), longestTimeout),
    );
    handle.unref();
    this.#waking = { timer: next, handle };
  }
}

/** What `setTimeout` can hold, in milliseconds; a longer wait would end at once. */
const longestTimeout = 2 ** 31 - 1;
