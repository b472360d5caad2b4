import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { Tracing } from '../gate/tracing.ts';
import { wantsTraces } from './config.ts';

/** What traces say of a step of ours: ids and names, never words. */
type Facts = Readonly<Record<`oncall.${string}`, string>>;

/**
 * Traces this process where its environment asks for it. For programs of ours alone: another's program that uses our client has
 * OpenTelemetry set up as it likes, or not.
 */
export async function traceProcess(): Promise<Pick<Tracing, 'close'> | undefined> {
  if (!wantsTraces()) return undefined;
  const { openTracing } = await import('../gate/tracing.ts');
  return openTracing({
    service: 'oncall-client',
    told: (sentence) => void process.stderr.write(`${sentence}\n`),
  });
}

/** What makes a client's calls part of the trace that is under way, and runs part of the same; nothing where nobody traces. */
export async function tracedCalls(): Promise<WorkflowClientInterceptor[]> {
  if (!wantsTraces()) return [];
  const { OpenTelemetryWorkflowClientInterceptor } = await import(
    '@temporalio/interceptors-opentelemetry/lib/client/index.js'
  );
  const traced = new OpenTelemetryWorkflowClientInterceptor();
  // Those that do something; who only looks leaves no trace.
  const calls = {
    startWithDetails: (input, next) => traced.startWithDetails(input, next),
    signalWithStart: (input, next) => traced.signalWithStart(input, next),
    signal: (input, next) => traced.signal(input, next),
    startUpdate: (input, next) => traced.startUpdate(input, next),
    startUpdateWithStart: (input, next) => traced.startUpdateWithStart(input, next),
    cancel: (input, next) => traced.cancel(input, next),
    terminate: (input, next) => traced.terminate(input, next),
  } satisfies WorkflowClientInterceptor;
  return [calls];
}

/** Does some work as one step of a trace, where traces are wanted: the calls that it makes become parts of it. */
export async function asStep<T>(name: string, facts: Facts, work: () => Promise<T>): Promise<T> {
  if (!wantsTraces()) return work();
  const { SpanStatusCode, trace } = await import('@opentelemetry/api');
  return trace.getTracer('oncall-runner').startActiveSpan(name, { attributes: facts }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
