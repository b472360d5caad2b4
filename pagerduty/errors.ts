/** Everything that can be wrong with a call to PagerDuty. Nobody matches text: this is what to branch on. */
export type ErrorKind =
  | 'InvalidRequest'
  | 'Unauthenticated'
  | 'PlanRequired'
  | 'Forbidden'
  | 'NotFound'
  | 'RateLimited'
  | 'Unavailable'
  | 'UnexpectedResponse';

/** What a failed call can have done: `nothing` (never sent, or refused) or `unknown` (sent, and no answer that tells). */
export type Effect = 'nothing' | 'unknown';

/** Status → kind. Any other 4xx is `InvalidRequest`, any other 5xx `Unavailable`; a redirect is never PagerDuty's. */
const kindOfStatus: Readonly<Record<number, ErrorKind>> = {
  400: 'InvalidRequest',
  401: 'Unauthenticated',
  402: 'PlanRequired',
  403: 'Forbidden',
  404: 'NotFound',
  408: 'Unavailable',
  413: 'InvalidRequest',
  429: 'RateLimited',
};

/** Kind → may the same request be sent again later. */
export const retried: Readonly<Record<ErrorKind, boolean>> = {
  InvalidRequest: false,
  Unauthenticated: false,
  PlanRequired: false,
  Forbidden: false,
  NotFound: false,
  RateLimited: true,
  Unavailable: true,
  UnexpectedResponse: false,
};

export interface ErrorFacts {
  readonly kind: ErrorKind;
  readonly effect: Effect;
  /** HTTP status; absent where no answer came. */
  readonly status?: number | undefined;
  /** PagerDuty's own error code, e.g. 2001. */
  readonly code?: number | undefined;
  /** PagerDuty's `x-request-id`, for their support. */
  readonly requestId?: string | undefined;
  /** What a person must do now, where nothing can be looked up and nothing is to be tried again. */
  readonly mend?: string | undefined;
  /** Exactly as long as PagerDuty asked to wait; absent on a bare 429. */
  readonly retryAfterMs?: number | undefined;
}

/** A call that brought no usable answer. The message is a sentence for an operator and holds no credential. */
export class PagerDutyError extends Error {
  override readonly name = 'PagerDutyError';
  readonly facts: ErrorFacts;

  constructor(message: string, facts: ErrorFacts) {
    super(message);
    this.facts = facts;
  }
}

/** The kind of an HTTP status outside 2xx. */
export function kindOf(status: number): ErrorKind {
  const known = kindOfStatus[status];
  if (known) return known;
  if (status >= 500) return 'Unavailable';
  return status >= 400 ? 'InvalidRequest' : 'UnexpectedResponse';
}

/** A refused write did nothing; after a server error or a time-out on their side nobody can say. */
export const effectOf = (status: number): Effect => (status >= 500 || status === 408 ? 'unknown' : 'nothing');

/**
 * Code and words of an error answer, whatever its form: the envelope, a bare string (`/users/me`), an object of field → list
 * (v3), the Events API's `{ status, message, errors }`, HTML or nothing.
 */
export function explain(body: unknown): { readonly message: string; readonly code: number | undefined } {
  const root = record(body);
  const error = root?.['error'];
  if (typeof error === 'string') return { message: error, code: undefined };
  const envelope = record(error) ?? root;
  const words = [
    envelope?.['message'],
    ...wordsOf(envelope?.['errors']),
    ...scopesOf(envelope?.['required_scopes']),
  ];
  const code = envelope?.['code'];
  return {
    message: words.filter((word) => typeof word === 'string' && word !== '').join(': ') || 'no message',
    code: typeof code === 'number' ? code : undefined,
  };
}

/** An error's `errors`: a list of sentences, or field → list. */
function wordsOf(errors: unknown): readonly unknown[] {
  if (Array.isArray(errors)) return errors;
  return Object.entries(record(errors) ?? {}).map(([field, value]) => `${field} ${joined(value)}`);
}

const scopesOf = (scopes: unknown): readonly string[] =>
  scopes === undefined ? [] : [`needs ${joined(scopes)}`];

const joined = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const record = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
