import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './until.ts';

/** A span as it arrived. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly status: { readonly code?: number; readonly message?: string };
  /** Which process it is of. */
  readonly service: string;
}

/** A collector of OpenTelemetry's traces on this machine, for processes that a test starts. */
export interface Collector {
  /** What has a process send its traces here. */
  readonly env: Readonly<Record<string, string>>;
  readonly spans: () => readonly Span[];
  /** All that arrived, as it did. */
  readonly text: () => string;
  /**
   * Waits for a span whose way to its root has these names, and gives that way, the root last. Everybody sends when they like, so
   * parts come in any order.
   */
  readonly way: (...names: readonly string[]) => Promise<readonly Span[]>;
  readonly close: () => Promise<void>;
}

/** A value as OTLP's JSON writes it. */
interface Written {
  readonly stringValue?: string;
  readonly intValue?: number | string;
}
type Attributes = readonly { readonly key: string; readonly value: Written }[];
interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<Span, 'attributes' | 'service'> & { readonly attributes: Attributes })[];
    }[];
  }[];
}

export async function startCollector(): Promise<Collector> {
  const spans: Span[] = [];
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      bodies.push(text);
      spans.push(...spansIn(JSON.parse(text) as Body));
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_BSP_SCHEDULE_DELAY: '50',
    },
    spans: () => spans,
    text: () => bodies.join('\n'),
    way: (...names) =>
      until(
        () =>
          `there is ${names.join(' < ')}; there are ${[...new Set(spans.map(({ name }) => name))].join(', ')}`,
        () =>
          spans
            .map((span) => upwards(span, spans))
            .find((way) => way.map(({ name }) => name).join('\n') === names.join('\n')),
      ),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A span, its parent, and so on; no further than what has arrived. */
function upwards(span: Span, spans: readonly Span[]): readonly Span[] {
  const parent = spans.find(
    ({ traceId, spanId }) => traceId === span.traceId && spanId === span.parentSpanId,
  );
  return parent ? [span, ...upwards(parent, spans)] : [span];
}

const spansIn = ({ resourceSpans }: Body): readonly Span[] =>
  resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        ...span,
        attributes: valuesIn(span.attributes),
        service: String(valuesIn(resource.attributes)['service.name']),
      })),
    ),
  );

const valuesIn = (attributes: Attributes): Record<string, string | number> =>
  Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue } }) => [key, stringValue ?? Number(intValue)]),
  );
