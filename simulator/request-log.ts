import type { Fault, Operation } from './faults.ts';
import { type Fields, fieldsIn, isFields, parseJson } from './input.ts';
import type { KeyMask } from './key-mask.ts';

/** One request as it came in and what was answered. Holds no key, whatever was sent. */
export interface RequestRecord {
  readonly seq: number;
  /** Simulated time, ISO 8601 UTC. */
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, readonly string[]>>;
  readonly operation: Operation | null;
  /** Null where a fault closed the connection before anything happened. */
  readonly status: number | null;
  readonly from: string | null;
  /** Which program says it asks. */
  readonly user_agent: string | null;
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
  /** As JSON: a tenth of a million records are kept, and hardly one is read. */
  readonly #records: string[] = [];
  #seq = 0;

  constructor(capacity = 100_000) {
    this.#capacity = capacity;
  }

  add(request: Omit<RequestRecord, 'seq'>): void {
    this.#seq += 1;
    this.#records.push(JSON.stringify({ seq: this.#seq, ...request } satisfies RequestRecord));
    // Not at every request: taking from the front moves all the others.
    if (this.#records.length > this.#capacity * 1.1) this.#records.splice(0, this.#excess);
  }

  get #excess(): number {
    return Math.max(this.#records.length - this.#capacity, 0);
  }

  /** Everything kept that came after this one. */
  since(seq: number): readonly RequestRecord[] {
    const last = this.#seq - this.#records.length;
    const from = Math.max(seq - last, this.#excess, 0);
    return this.#records.slice(from).map((record) => JSON.parse(record) as RequestRecord);
  }
}

/** A longer body is not kept, in characters: the log stays in memory. */
const longestBody = 64 * 1024;

/** What the log keeps of a body: no key is in it, of whatever field. */
export function bodyForLog(mask: KeyMask, text: string): unknown {
  if (text.length > longestBody) return `[a body of ${text.length} characters]`;
  const body = parseJson(mask.clean(text)) ?? null;
  if (!isFields(body)) return body;
  const { routing_key: key } = body;
  if (typeof key === 'string' && !key.startsWith('[routing key of ')) {
    return { ...body, routing_key: '[unknown routing key]' };
  }
  return 'webhook_subscription' in body ? withoutHeaderValues(body) : body;
}

/** The header values of a subscription are somebody's secrets, and so may be what its address carries. */
function withoutHeaderValues(body: Fields): unknown {
  const subscription = fieldsIn(body, 'webhook_subscription');
  const method = fieldsIn(subscription, 'delivery_method');
  const { custom_headers: headers, url } = method;
  const cleaned = {
    ...method,
    ...(typeof url === 'string' ? { url: url.replace(/\/\/[^/@]*@/, '//') } : {}),
    ...(Array.isArray(headers)
      ? { custom_headers: headers.map((header) => ({ ...fieldsOf(header), value: '[header value]' })) }
      : {}),
  };
  return { ...body, webhook_subscription: { ...subscription, delivery_method: cleaned } };
}

const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});
