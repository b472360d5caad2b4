import { createInterface } from 'node:readline';
import type { Terminal } from '../confirm.ts';
import { OncallError } from '../errors.ts';
import { Stopped } from '../processes.ts';

/** A question to a person at a terminal. */
export interface Question<T> {
  readonly asks: string;
  /** What an empty answer means. */
  readonly otherwise?: string | undefined;
  /** What an answer comes to. An OncallError that it throws is told, and the question asked again. */
  readonly take: (answer: string) => T | Promise<T>;
}

/** Somebody who is asked one thing after the other. */
export interface Person {
  readonly ask: <T>(question: Question<T>) => Promise<T>;
  /** Aborted once the person has left: a terminal that is asked at hands Ctrl-C and Ctrl-D to us, at any time. */
  readonly left: AbortSignal;
  readonly close: () => void;
}

/** The person at a terminal. Lines that are typed ahead are kept for the questions to come. */
export function personAt({ input, output }: Terminal, stop: AbortSignal): Person {
  const lines = createInterface({ input, output });
  const typed = lines[Symbol.asyncIterator]();
  const leaving = new AbortController();
  lines.once('close', () => leaving.abort());
  stop.addEventListener('abort', () => lines.close(), { once: true });
  const answerTo = async (prompt: string): Promise<string> => {
    if (stop.aborted || leaving.signal.aborted) throw new Stopped();
    lines.setPrompt(prompt);
    lines.prompt();
    const line = await typed.next();
    if (line.done === true) throw new Stopped();
    return line.value.trim();
  };
  return {
    ask: async ({ asks, otherwise, take }) => {
      for (;;) {
        const answer =
          (await answerTo(`${asks}${otherwise === undefined ? '' : ` [${otherwise}]`} `)) || otherwise;
        if (answer === undefined) continue;
        try {
          return await take(answer);
        } catch (error) {
          if (!(error instanceof OncallError) || error instanceof Stopped) throw error;
          output.write(`${error.message}\n`);
        }
      }
    },
    left: leaving.signal,
    close: () => lines.close(),
  };
}
