import type { ErrorFacts, ErrorKind } from './errors.ts';

/** One of PagerDuty's own error codes: what it calls it, with which statuses it comes, and what to do. */
export interface KnownCode {
  readonly statuses: readonly number[];
  readonly means: string;
  readonly advice: string;
}

const readAgain = 'Read the incident again and decide on what it shows.';
const checkIds =
  'Check the ids: something that the request names is not there, or this credential may not see it.';
const askLess = 'Ask for a span of at most six months, with an end after its start.';
const takePlan = 'The account’s plan does not include this; ask whoever runs the account.';
const checkFrom =
  'Set `from` of the account to the login e-mail of a user who exists and may do this; create the user first where there is none.';

/**
 * Codes worth knowing. PagerDuty says that its list is not complete: an unknown code is advised on by its kind.
 * @see https://developer.pagerduty.com/docs/rest-api-error-codes
 */
export const knownCodes: Readonly<Record<number, KnownCode>> = {
  1001: { statuses: [400], means: 'the incident is resolved already', advice: readAgain },
  1002: { statuses: [400], means: 'the incident is acknowledged already', advice: readAgain },
  1003: {
    statuses: [400],
    means: 'no such status',
    advice: 'Give triggered, acknowledged or resolved.',
  },
  1004: { statuses: [400], means: 'not an id', advice: checkIds },
  1005: { statuses: [400], means: 'someone changed it meanwhile', advice: readAgain },
  1006: {
    statuses: [400],
    means: 'it cannot be escalated',
    advice:
      'Low urgency does not escalate: raise the urgency or reassign it first, and name a level that exists.',
  },
  1007: {
    statuses: [400],
    means: 'the assignee does not exist',
    advice: 'Look the user up with listUsers and give that id.',
  },
  1008: { statuses: [400], means: 'the `From` user does not exist', advice: checkFrom },
  1012: {
    statuses: [400],
    means: 'the incident is not acknowledged',
    advice: 'Acknowledge it first.',
  },
  1013: {
    statuses: [400],
    means: 'not a time to snooze',
    advice: 'Give between 1 and 604800 seconds.',
  },
  1014: { statuses: [400], means: 'no such escalation policy', advice: checkIds },
  1015: {
    statuses: [400],
    means: 'nobody is on call on the escalation policy',
    advice: 'Look at the policy with listOnCalls; put someone on call, or name another policy.',
  },
  1018: {
    statuses: [400, 403],
    means: 'the `From` user may not do this',
    advice: checkFrom,
  },
  1019: {
    statuses: [400],
    means: 'the incident was merged',
    advice: 'Work on the incident it was merged into.',
  },
  1020: { statuses: [400], means: 'no such priority', advice: 'Give the id of a priority of the account.' },
  2000: {
    statuses: [500],
    means: 'an error inside PagerDuty',
    advice: 'It is tried again by itself; where it lasts, see status.pagerduty.com.',
  },
  2001: {
    statuses: [400],
    means: 'something in the request is not valid',
    advice: 'Change what the words above name; a name or e-mail that is taken must be another.',
  },
  2002: {
    statuses: [400],
    means: 'the arguments caused an error',
    advice: 'An open incident has the same incident_key: find it with listIncidents and work on that one.',
  },
  2003: { statuses: [400], means: 'an argument is missing', advice: 'Add what the words above name.' },
  2004: { statuses: [400], means: 'since or until is not valid', advice: askLess },
  2005: { statuses: [400], means: 'the span of time is not valid', advice: askLess },
  2006: {
    statuses: [401],
    means: 'the credential is not known',
    advice:
      'Look at the credential of the account in the configuration: its value, its kind, and its region.',
  },
  2010: {
    statuses: [403],
    means: 'the credential may not do this',
    advice: 'Use a key with write access, or give the user or app the right in PagerDuty.',
  },
  2012: { statuses: [402], means: 'the account has expired', advice: takePlan },
  2014: { statuses: [402], means: 'the account lacks an ability', advice: takePlan },
  2016: {
    statuses: [400, 408],
    means: 'it took too long, or the `From` header is missing',
    advice: checkFrom,
  },
  2018: {
    statuses: [403],
    means: 'it cannot be seen any more; it may have been resolved',
    advice: readAgain,
  },
  2019: {
    statuses: [400],
    means: 'a limit of the product is reached',
    advice: 'Remove what is not needed: an incident holds 2,000 notes, a filter ten webhook subscriptions.',
  },
  2020: {
    statuses: [429],
    means: 'too many requests',
    advice: 'It is sent again by itself when PagerDuty takes it.',
  },
  2100: { statuses: [404], means: 'not found', advice: checkIds },
  3001: { statuses: [400], means: 'not a valid schedule', advice: 'Change what the words above name.' },
  3004: { statuses: [404], means: 'no such schedule', advice: checkIds },
  4004: {
    statuses: [400, 404],
    means: 'no such override, or not a valid one',
    advice: 'Check its times and its id.',
  },
  5001: { statuses: [404], means: 'no such escalation policy or user', advice: checkIds },
  5002: { statuses: [404], means: 'no such service', advice: checkIds },
  6001: { statuses: [404], means: 'no such team', advice: checkIds },
};

/** What to do about each kind, where no code says more. */
export const adviceOf: Readonly<Record<ErrorKind, string>> = {
  InvalidRequest: 'Change what the words above name, and call again.',
  Unauthenticated:
    'Look at the credential of the account in the configuration: its value, its kind, and its region.',
  PlanRequired: takePlan,
  Forbidden: 'Give the key, the user or the app the right in PagerDuty.',
  NotFound: checkIds,
  RateLimited: 'It is sent again by itself when PagerDuty takes it.',
  Unavailable: 'It is tried again by itself; where it lasts, see status.pagerduty.com.',
  UnexpectedResponse:
    'Check the address of the account in the configuration; where it is PagerDuty’s, tell us: its answer is not as documented.',
};

/** What to do about an error, in a sentence; also what the command line prints. */
export const advise = ({
  code,
  kind,
  status,
  mend,
}: Pick<ErrorFacts, 'code' | 'kind' | 'status' | 'mend'>): string => {
  if (mend !== undefined) return mend;
  const known = code === undefined ? undefined : knownCodes[code];
  const fits = known && (status === undefined || known.statuses.includes(status));
  return fits ? known.advice : adviceOf[kind];
};
