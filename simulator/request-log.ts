import type { OperationName } from '../pagerduty/catalogue/index.ts';
import type { Fault } from './faults.ts';
import { isFields, parseJson } from './input.ts';
import type { World } from './world.ts';

/** One request as it came in and what was answered. Holds no key, whatever was sent. */
export interface RequestRecord {
  readonly seq: number;
  /** Simulated time, ISO 8601 UTC. */
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, readonly string[]>>;
  readonly operation: OperationName | null;
  /** Null where a fault closed the connection before anything happened. */
  readonly status: number | null;
  readonly from: string | null;
  /** What `x-simulator-by` says: tests mark by it what they send themselves. Absent for all others. */
  readonly by?: string;
  readonly request_id: string;
  /** The JSON that was sent; null for none, or for what is none. */
  readonly body: unknown;
  readonly fault?: Fault['kind'];
}

/** The last requests, oldest first. */
export class RequestLog {
  readonly #capacity: number;
  readonly #records: RequestRecord[] = [];
  #seq = 0;

  constructor(capacity = 100_000) {
    this.#capacity = capacity;
  }

  add(request: Omit<RequestRecord, 'seq'>): void {
    this.#seq += 1;
    this.#records.push({ seq: this.#seq, ...request });
    if (this.#records.length > this.#capacity) this.#records.shift();
  }

  /** Everything kept that came after this one. */
  since(seq: number): readonly RequestRecord[] {
    const first = this.#records[0]?.seq ?? 1;
    return this.#records.slice(Math.max(seq + 1 - first, 0));
  }
}

/** A longer body is not kept, in characters: the log stays in memory. */
const longestBody = 64 * 1024;

/** What the log keeps of a body: no key is in it, of whatever field. */
export function bodyForLog(world: World, text: string): unknown {
  if (text.length > longestBody) return `[a body of ${text.length} characters]`;
  const body = parseJson(withoutKeys(world, text)) ?? null;
  if (!isFields(body) || typeof body['routing_key'] !== 'string') return body;
  const isKnown = body['routing_key'].startsWith('[routing key of ');
  return isKnown ? body : { ...body, routing_key: '[unknown routing key]' };
}

/** A text with a mark in place of every key that the account has. */
export function withoutKeys({ integrations, credentials }: World, text: string): string {
  const marks = [
    ...[...integrations.values()].map(({ routingKey, serviceId }) => [
      routingKey,
      `[routing key of ${serviceId}]`,
    ]),
    ...credentials.map(({ key }) => [key, '[API key]']),
  ] as const;
  return marks.reduce((clean, [key = '', mark = '']) => clean.replaceAll(key, mark), text);
}
