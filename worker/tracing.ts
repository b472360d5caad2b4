import { fileURLToPath } from 'node:url';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  makeWorkflowExporter,
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryActivityOutboundInterceptor,
} from '@temporalio/interceptors-opentelemetry/lib/worker/index.js';
import type { OpenTelemetrySinks } from '@temporalio/interceptors-opentelemetry/lib/workflow/definitions.js';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Trace } from '../activities/index.ts';
import { openTracing, type Tracing } from '../gate/tracing.ts';

/** What a Worker's parts need to keep traces. */
export interface WorkerTrace extends Trace {
  /** Makes each Activity a part of its run's trace, and has its log lines name that. */
  readonly activity: ActivityInterceptorsFactory;
  /** Takes the spans of Workflows out of their sandbox. */
  readonly sinks: InjectedSinks<OpenTelemetrySinks>;
}

/** What has a bundle of Workflows hand the trace on, from whoever starts a run to its Activities. */
export const workflowInterceptorModules = [
  fileURLToPath(import.meta.resolve('@temporalio/interceptors-opentelemetry/lib/workflow-interceptors.js')),
];

/** Traces this Worker. Loaded only where traces are wanted, since OpenTelemetry comes with it. */
export async function traceWorker(
  log: Logger,
): Promise<{ readonly trace: WorkerTrace; readonly close: Tracing['close'] }> {
  const tracing = await openTracing({ service: 'oncall-worker', told: (sentence) => log.warn(sentence) });
  return {
    trace: {
      activity: (context) => ({
        inbound: new OpenTelemetryActivityInboundInterceptor(context),
        outbound: new OpenTelemetryActivityOutboundInterceptor(context),
      }),
      sinks: { exporter: makeWorkflowExporter(tracing.processor, tracing.resource) },
      tell: (facts) => void trace.getActiveSpan()?.setAttributes(facts),
      watch: ({ method, path, host }) => {
        const span = trace.getTracer('oncall-runner').startSpan(`${method} ${path}`, {
          kind: SpanKind.CLIENT,
          attributes: { 'http.request.method': method, 'url.template': path, 'server.address': host },
        });
        return ({ status, kind }) => {
          if (status !== undefined) span.setAttribute('http.response.status_code', status);
          if (kind !== undefined) {
            span.setAttribute('error.type', kind);
            span.setStatus({ code: SpanStatusCode.ERROR });
          }
          span.end();
        };
      },
    },
    close: tracing.close,
  };
}
