import { z } from 'zod';
import { operationNames } from '../pagerduty/catalogue/index.ts';
import type { Received } from './admission.ts';

/** Everything that can be asked for: the operations of the catalogue, and the OAuth token. */
export const operations = [...operationNames, 'oauthToken'] as const;
export type Operation = (typeof operations)[number];

/**
 * Something going wrong on purpose, as tests and `--faults FILE` give it.
 *
 * | kind | what the client sees | effect |
 * |---|---|---|
 * | `rate_limited` | 429 with `ratelimit-*` headers; reset after `retry_after_seconds` (1) | none |
 * | `bare_429` | 429 without headers and body | none |
 * | `status` | `status` (500) with PagerDuty's envelope | none |
 * | `html` | `status` (502) with a gateway's HTML page | none |
 * | `drop_request` | the connection closes without an answer | none |
 * | `drop_response` | the same | happens |
 * | `reset` | the connection is reset (RST) | happens |
 * | `truncate` | the first half of the JSON, with a `content-length` that says so | happens |
 * | `delay` | the answer, `delay_ms` real milliseconds late | happens at once |
 * | `late` | the same | happens late, when the client may have given up |
 * | `hold` | the answer, once `POST /_simulator/release` lets it go | happens at once |
 *
 * A fault without effect comes before the credential is looked at and costs no budget. The first fault in the list that
 * strikes is the only one; those behind it do not see the request.
 */
export const Fault = z
  .strictObject({
    operation: z.enum(['*', ...operations]).default('*'),
    kind: z.enum([
      'rate_limited',
      'bare_429',
      'status',
      'delay',
      'late',
      'hold',
      'drop_request',
      'drop_response',
      'reset',
      'truncate',
      'html',
    ]),
    /** Only requests that have this text in their path or body. */
    match: z.string().min(1).max(200).optional(),
    /** Every different request, by path and body, counts by itself for `times` and `after`: each is struck, and its repeats pass. */
    each: z.boolean().default(false),
    /** How often it strikes; without end where absent. */
    times: z.int().min(1).optional(),
    /** How likely it strikes a request it matches. */
    probability: z.number().min(0).max(1).default(1),
    /** Where its chance starts: the same seed strikes the same requests. */
    seed: z.int().default(1),
    /** Lets the first so many matching requests pass. */
    after: z.int().min(0).default(0),
    retry_after_seconds: z.int().min(0).optional(),
    status: z.int().min(400).max(599).optional(),
    delay_ms: z.int().min(0).max(600_000).optional(),
  })
  .refine(({ kind, delay_ms }) => ['delay', 'late'].includes(kind) === (delay_ms !== undefined), {
    path: ['delay_ms'],
    error: 'goes with kind "delay" or "late", which need it',
  })
  .refine(({ kind, status }) => status === undefined || ['status', 'html'].includes(kind), {
    path: ['status'],
    error: 'goes with kind "status" or "html" only',
  })
  .refine(({ kind, retry_after_seconds }) => retry_after_seconds === undefined || kind === 'rate_limited', {
    path: ['retry_after_seconds'],
    error: 'goes with kind "rate_limited" only',
  });
export type Fault = z.output<typeof Fault>;

/** A fault and what became of it. */
export interface FaultCount {
  readonly fault: Fault;
  /** Requests it was asked about. */
  readonly matched: number;
  readonly struck: number;
}

interface Count {
  matched: number;
  struck: number;
}

interface Entry extends Count {
  readonly fault: Fault;
  readonly chance: () => number;
  /** By request, where each counts by itself. */
  readonly byRequest: Map<string, Count>;
}

/** The faults that are set, in order. */
export class Faults {
  #entries: Entry[] = [];

  add(fault: Fault): void {
    const chance = chanceFrom(fault.seed);
    this.#entries.push({ fault, chance, matched: 0, struck: 0, byRequest: new Map() });
  }

  clear(): void {
    this.#entries = [];
  }

  list(): readonly FaultCount[] {
    return this.#entries.map(({ fault, matched, struck }) => ({ fault, matched, struck }));
  }

  /** The fault that strikes this request, counted as struck. */
  strike(operation: Operation, { path, text }: Pick<Received, 'path' | 'text'>): Fault | undefined {
    for (const entry of this.#entries) {
      const { fault } = entry;
      if (fault.operation !== '*' && fault.operation !== operation) continue;
      if (fault.match !== undefined && !path.includes(fault.match) && !text.includes(fault.match)) continue;
      const count = fault.each ? countOf(entry, `${path}\n${text}`) : entry;
      count.matched += 1;
      if (count !== entry) entry.matched += 1;
      const isDue = count.matched > fault.after && count.struck < (fault.times ?? Number.POSITIVE_INFINITY);
      if (!isDue || entry.chance() >= fault.probability) continue;
      count.struck += 1;
      if (count !== entry) entry.struck += 1;
      return fault;
    }
    return undefined;
  }
}

function countOf({ byRequest }: Entry, request: string): Count {
  const known = byRequest.get(request);
  if (known) return known;
  const fresh = { matched: 0, struck: 0 };
  byRequest.set(request, fresh);
  return fresh;
}

/** What is wrong with a value that was to be a fault, in a few words: where, and what. */
export function flawOf({ issues: [issue] }: z.ZodError): string {
  const where = issue?.path.join('.');
  return `${where ? `${where}: ` : ''}${issue?.message ?? 'it is not understood'}`;
}

/** Numbers from 0 up to 1 that only the seed decides (mulberry32). */
function chanceFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
