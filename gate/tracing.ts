import type { Attributes } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base';

/** The traces of a process, as OpenTelemetry sends them. */
export interface Tracing {
  /** Takes spans that end elsewhere, in Workflows. */
  readonly processor: SpanProcessor;
  /** Which process it is. */
  readonly resource: ReadableSpan['resource'];
  /** Sends what is left, as far as that can be done in time. */
  readonly close: () => Promise<void>;
}

export interface TracingOptions {
  /** What the process is called where `OTEL_SERVICE_NAME` does not say. */
  readonly service: string;
  /** Hears once why nothing arrives. */
  readonly told: (sentence: string) => void;
}

/** How long spans may take to be sent, in milliseconds: a process that ends waits no longer for a collector that is away. */
const sendsWithinMs = 3_000;

/** Whether an environment asks for traces, by OpenTelemetry's own settings. */
export function tracesWanted(env: Readonly<Record<string, string | undefined>>): boolean {
  const isNamed = Boolean(env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT']);
  return isNamed && env['OTEL_SDK_DISABLED'] !== 'true' && env['OTEL_TRACES_EXPORTER'] !== 'none';
}

/**
 * Begins to trace this process: once, and before anything that is to be traced. Only what asks for traces may call it: OpenTelemetry
 * is loaded here, and costs nothing elsewhere.
 */
export async function openTracing({ service, told }: TracingOptions): Promise<Tracing> {
  const [{ BasicTracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }, resources, core, hooks] =
    await Promise.all([
      import('@opentelemetry/sdk-trace-base'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/core'),
      import('@opentelemetry/context-async-hooks'),
    ]);
  const { Resource, detectResourcesSync, envDetectorSync } = resources;
  const resource = new Resource({ 'service.name': service }).merge(
    detectResourcesSync({ detectors: [envDetectorSync] }),
  );
  const exporter = new OTLPTraceExporter({ timeoutMillis: sendsWithinMs });
  const processor = new BatchSpanProcessor(onlyKnown(exporter, told));
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] });
  provider.register({
    contextManager: new hooks.AsyncLocalStorageContextManager().enable(),
    // Nothing travels but which trace it is: no baggage.
    propagator: new core.W3CTraceContextPropagator(),
  });
  return {
    processor,
    resource: provider.resource,
    // What could not be sent is told already.
    close: () => provider.shutdown().catch(() => {}),
  };
}

/**
 * The attributes that leave, and under which name. OpenTelemetry's own libraries attach what they find, a run's whole memo and the
 * words of failures too: what is not named here stays.
 */
const known: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'temporalWorkflowId',
      'run_id',
      'temporalActivityId',
      'http.request.method',
      'http.response.status_code',
      'url.template',
      'server.address',
      'error.type',
      'oncall.account',
      'oncall.agent',
      'oncall.decision',
      'oncall.incident',
      'oncall.operation',
      'oncall.outcome',
    ].map((name) => [name, name]),
  ),
  // As the SDK calls them in what it tells of a Workflow.
  workflowId: 'temporalWorkflowId',
  runId: 'run_id',
};

/** So much of a value leaves; ids and names are shorter. */
const mostCharacters = 200;

/** Spans that are no step of a run: somebody looked. */
const isLook = ({ name }: ReadableSpan): boolean => /^(HandleQuery|ValidateUpdate):/.test(name);

/** Sends spans without what they must not tell: neither events nor a status have words, since those are a failure's own. */
function onlyKnown(exporter: SpanExporter, told: TracingOptions['told']): SpanExporter {
  let isTold = false;
  return {
    export: (spans, done) =>
      exporter.export(spans.filter((span) => !isLook(span)).map(bare), (result) => {
        if (result.error && !isTold) {
          isTold = true;
          told(`Traces could not be sent (${codeOf(result.error)}); see OTEL_EXPORTER_OTLP_ENDPOINT.`);
        }
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush && { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() }),
  };
}

/** An error's code, else its name: its words could hold what a collector answered. */
const codeOf = (error: Error): string =>
  'code' in error && typeof error.code === 'string' ? error.code : error.name;

function bare(span: ReadableSpan): ReadableSpan {
  const { name, kind, parentSpanId, startTime, endTime, duration, ended } = span;
  return {
    name,
    kind,
    ...(parentSpanId !== undefined && { parentSpanId }),
    startTime,
    endTime,
    duration,
    ended,
    spanContext: () => span.spanContext(),
    status: { code: span.status.code },
    attributes: knownOf(span.attributes),
    links: span.links.map(({ context }) => ({ context })),
    events: [],
    resource: span.resource,
    instrumentationLibrary: span.instrumentationLibrary,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

const knownOf = (attributes: Attributes): Attributes =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => {
      const as = Object.hasOwn(known, name) ? known[name] : undefined;
      if (as === undefined || value === undefined) return [];
      return [[as, typeof value === 'string' ? value.slice(0, mostCharacters) : value]];
    }),
  );
