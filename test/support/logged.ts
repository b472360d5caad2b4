import { pino } from 'pino';
import { installRuntime } from '../../worker/log.ts';

/** Every line that Workers of this process have logged, at debug level. */
export const logged: string[] = [];

const errorLevel = 50;

/** A log that keeps its lines in memory; what is wrong is said aloud too. */
export const memoryLog = pino(
  { level: 'debug', base: null },
  {
    write: (line: string) => {
      logged.push(line);
      if ((JSON.parse(line) as { level: number }).level >= errorLevel) process.stderr.write(line);
    },
  },
);

// The SDK's log would bury the results; in memory it can be searched. Before anything else of the SDK.
installRuntime(memoryLog);
