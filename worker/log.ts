import { SdkComponent } from '@temporalio/common';
import {
  DefaultLogger,
  type LogLevel,
  type LogMetadata,
  type MetricsExporterConfig,
  Runtime,
} from '@temporalio/worker';
import pino, { type Logger } from 'pino';
import { CannotStart } from './config.ts';

/** Bounds of the histogram of how late webhooks come, in seconds. */
const lagBuckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600];

/** Structured lines on stderr, so that stdout stays for what is asked for. */
export const makeLogger = (level: string): Logger =>
  pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));

/**
 * Sends the Temporal SDK's own log to ours, and shows its metrics and ours at an address, where one is given. Once a process,
 * before anything else of the SDK.
 * @throws CannotStart where nothing can be shown there.
 */
export function installRuntime(log: Logger, metricsAddress?: string): void {
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const;
  const logger = new DefaultLogger(
    'DEBUG',
    ({ level, message, meta }: { level: LogLevel; message: string; meta?: LogMetadata }) => {
      // Each of our Workers serves one kind on purpose.
      const isExpected = /^No (activities|workflows) registered/.test(message);
      // What the SDK tells of itself interests whoever looks for a fault; what our Activities tell is for operators.
      const isOurs = meta?.['sdkComponent'] === SdkComponent.activity && level === 'INFO';
      log[isExpected ? 'debug' : isOurs ? 'info' : levels[level]](withoutNoise(meta), message);
    },
  );
  try {
    Runtime.install({
      logger,
      shutdownSignals: [],
      ...(metricsAddress !== undefined && { telemetryOptions: { metrics: metricsAt(metricsAddress) } }),
    });
  } catch (error) {
    if (metricsAddress === undefined) throw error;
    // A TypeError names the SDK's own argument.
    const why = error instanceof Error && !(error instanceof TypeError) ? ` (${error.message})` : '';
    throw new CannotStart(
      `Metrics cannot be shown at ${JSON.stringify(metricsAddress.slice(0, 100))}${why}. Set ONCALL_METRICS_ADDRESS to an IP address of this machine with a free port, as 127.0.0.1:9464, or leave it out.`,
    );
  }
}

/** What of the SDK's metadata an operator can use. */
function withoutNoise(meta: LogMetadata | undefined): object {
  const { workflowId, runId, activityType, taskQueue, attempt, error } = meta ?? {};
  const { agent, operation, decision, incident, trace_id } = meta ?? {};
  return {
    agent,
    operation,
    decision,
    incident,
    workflowId,
    runId,
    activityType,
    taskQueue,
    attempt,
    trace_id,
    error: error instanceof Error ? error.message : error,
  };
}

/** For Prometheus, under `/metrics`. */
const metricsAt = (bindAddress: string): MetricsExporterConfig => ({
  prometheus: {
    bindAddress,
    histogramBucketOverrides: { oncall_webhook_lag_seconds: lagBuckets },
  },
});
