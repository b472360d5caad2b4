/** How late this process does what it is to do: the latest of its last ticks, in milliseconds. */
export interface LoopLag {
  readonly now: () => number;
  readonly stop: () => void;
}

/** How often it is looked at. */
const everyMs = 100;

/** Over how many ticks the latest counts. */
const ticks = 10;

/** Watches how late timers come: what has come in waits as long, before anything can be done about it. */
export function watchLoopLag(): LoopLag {
  const late: number[] = [];
  let due = performance.now() + everyMs;
  const timer = setInterval(() => {
    const now = performance.now();
    late.push(Math.max(0, now - due));
    if (late.length > ticks) late.shift();
    due = now + everyMs;
  }, everyMs);
  // Watching alone must not keep the process alive.
  timer.unref();
  return { now: () => Math.max(0, ...late, performance.now() - due), stop: () => clearInterval(timer) };
}
