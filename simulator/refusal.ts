/**
 * PagerDuty's error codes that the simulator gives, with their texts.
 * @see https://developer.pagerduty.com/docs/errors
 */
const messages = {
  1001: 'Incident Already Resolved',
  1003: 'Invalid Status Provided',
  1004: 'Invalid ID Provided',
  1006: 'Cannot Escalate',
  1007: 'Assigned To User Not Found',
  1008: 'Requester User Not Found',
  1014: 'Escalation Policy Not Found',
  1015: 'Escalation Policy Has No User On Call',
  1020: 'Invalid Priority',
  2000: 'Internal Error',
  2001: 'Invalid Input Provided',
  2002: 'Arguments Caused Error',
  2004: 'Invalid since/until Parameters',
  2005: 'Invalid Query Date Range',
  2006: 'Authentication failed',
  2010: 'Access Denied',
  2012: 'Your account is expired and cannot use the API',
  2014: 'Missing Account Ability',
  // The public list has "took too long" under this number; this is what is seen live (PagerDuty/pdpyras#78).
  2016: 'You must specify a user\'s email address in the "From" header to perform this action',
  2019: 'Product Limit Reached',
  2020: 'Rate Limit Exceeded',
  2100: 'Not Found',
  3001: 'Invalid Schedule',
  3004: 'Schedule Not Found',
  5002: 'Service Not Found',
  6001: 'Team Not Found',
} as const;

export type ErrorCode = keyof typeof messages;

/** Every other code goes with 400. */
const statuses: Partial<Readonly<Record<ErrorCode, number>>> = {
  2000: 500,
  2006: 401,
  2010: 403,
  2012: 402,
  2014: 402,
  2020: 429,
  2100: 404,
  3004: 404,
};

/** PagerDuty says no. Thrown by whatever finds out, answered at one place. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: ErrorCode;
  readonly errors: readonly string[];

  constructor(code: ErrorCode, ...errors: readonly string[]) {
    super(messages[code]);
    this.code = code;
    this.errors = errors;
  }

  get status(): number {
    return statuses[this.code] ?? 400;
  }

  get body(): unknown {
    return errorBody(this.code, this.message, this.errors);
  }
}

/** A refusal whose `error` is a text. */
export class PlainRefusal extends Refusal {
  readonly #sentence: string;

  constructor(sentence: string) {
    super(2001);
    this.#sentence = sentence;
  }

  override get body(): unknown {
    return { error: this.#sentence };
  }
}

/** A scoped token lacks a scope. It has no code (PagerDuty/terraform-provider-pagerduty#1027). */
export class ScopeRefusal extends Refusal {
  readonly #scopes: readonly string[];

  constructor(scopes: readonly string[]) {
    super(2010);
    this.#scopes = scopes;
  }

  override get body(): unknown {
    return { error: { message: 'Token missing required scopes', required_scopes: this.#scopes.join(' ') } };
  }
}

/** The envelope of every REST error. */
export const errorBody = (code: number, message: string, errors: readonly string[] = []): unknown => ({
  error: { message, code, ...(errors.length === 0 ? {} : { errors }) },
});

/** The thing, or 404. */
export function found<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new Refusal(2100);
  return thing;
}
