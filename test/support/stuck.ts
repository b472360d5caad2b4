import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect } from 'vitest';

/** Longer than anything computes without a pause, on however busy a machine. */
const longestMs = 120_000;

const key = Symbol.for('oncall.test.stuck');
const here = globalThis as { [key]?: Worker };

// What computes without end lets no timeout of a test come, and the whole run would stand still until somebody ends it. So a thread
// beside the tests of each process notices, says where they stand, and ends the process; the runner tells that as an error.
if (!here[key]) {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  setInterval(() => Atomics.add(beats, 0, 1), 1_000).unref();
  here[key] = new Worker(new URL('stuck-thread.mjs', import.meta.url), { workerData: { beats, longestMs } });
  here[key].unref();
}
here[key].postMessage(expect.getState().testPath);

// A test that timed out leaves what it waited for, which the tests after it would wait for as well, each as long.
let late: string | undefined;
afterEach(({ task: { name, result } }) => {
  if (result?.errors?.some(({ message }) => message.includes('timed out in '))) late = name;
});
beforeEach(({ skip }) => {
  if (late !== undefined) skip(`"${late}" timed out before it`);
});
