import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Ended, type Place, type ProgramOptions, test as withPlace } from './processes.ts';

/** A call of the command line, as `place.oncall` makes it, to its end. */
export type Call = (args: readonly string[], options?: ProgramOptions) => Promise<Ended>;

/**
 * Calls of the command line as it is built, one after the other in one process: in a process of its own each would cost most
 * of a second. Streams, exit codes and the end of a real process are for `place.oncall`.
 */
export interface Calls {
  readonly in: (place: Place) => Call;
  readonly end: () => void;
}

/** What a call said and gave, and what of it would have kept a process from ending. */
interface Answer extends Ended {
  readonly kept: readonly string[];
}

/** Starts the process; it ends with `end`, or with us. */
export function startCalls(): Calls {
  const host = fork(fileURLToPath(new URL('./call-host.mjs', import.meta.url)), [], { execArgv: [] });
  const gone = once(host, 'exit').then(([code]) => {
    throw new Error(`The process of the calls has ended (${code}).`);
  });
  gone.catch(() => {});
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (question: object): Promise<Ended> => {
    const answered = once(host, 'message') as Promise<[Answer]>;
    host.send(question);
    const [{ kept, ...ended }] = await Promise.race([answered, gone]);
    if (kept.length > 0) throw new Error(`The call would not end: ${kept.join()} of it is open.`);
    return ended;
  };
  return {
    in:
      ({ folder, environment }) =>
      (words, { env = {}, cwd = folder } = {}) => {
        const mine = last.then(() => ask({ words, cwd, env: { ...environment, ...env } }));
        last = mine.catch(() => {});
        return mine;
      },
    end: () => host.disconnect(),
  };
}

/** Vitest's `test` with a place of its own for each, and calls in it. */
export const test = withPlace
  .extend<{ $worker: { calls: Calls } }>({
    calls: [
      // Vitest demands a pattern.
      // oxlint-disable-next-line no-empty-pattern
      async ({}, use) => {
        const calls = startCalls();
        await use(calls);
        calls.end();
      },
      { scope: 'worker' },
    ],
  })
  .extend<{ call: Call }>({
    call: ({ calls, place }, use) => use(calls.in(place)),
  });
