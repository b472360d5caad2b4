import { DefaultLogger, type LogLevel, type LogMetadata, Runtime } from '@temporalio/worker';
import pino, { type Logger } from 'pino';

/** Structured lines on stderr, so that stdout stays for what is asked for. */
export const makeLogger = (level: string): Logger =>
  pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));

/** Sends the Temporal SDK's own log to ours. Once a process, before anything else of the SDK. */
export function installLogger(log: Logger): void {
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const;
  const logger = new DefaultLogger(
    'DEBUG',
    ({ level, message, meta }: { level: LogLevel; message: string; meta?: LogMetadata }) => {
      // Each of our Workers serves one kind on purpose.
      const expected = /^No (activities|workflows) registered/.test(message);
      log[expected ? 'debug' : levels[level]](withoutNoise(meta), message);
    },
  );
  Runtime.install({ logger, shutdownSignals: [] });
}

/** What of the SDK's metadata an operator can use. */
function withoutNoise(meta: LogMetadata | undefined): object {
  const { workflowId, activityType, taskQueue, attempt, error } = meta ?? {};
  return {
    workflowId,
    activityType,
    taskQueue,
    attempt,
    error: error instanceof Error ? error.message : error,
  };
}
