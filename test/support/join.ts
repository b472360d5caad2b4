import type { AuditRecord, Stamp } from '../../gate/audit.ts';

/** Header by which a test marks what it sends itself; everything else that reaches the simulator was sent by a Worker. */
export const byTest = { 'x-simulator-by': 'test' } as const;

/** A request as the simulator's log shows it. */
export interface SeenRequest {
  readonly seq: number;
  readonly method: string;
  readonly query: Readonly<Record<string, readonly string[]>>;
  readonly path: string;
  readonly operation: string | null;
  /** `null` where a fault closed the connection before anything happened. */
  readonly status: number | null;
  readonly from: string | null;
  readonly request_id: string;
  readonly body: unknown;
  /** Kind of the fault that struck it. */
  readonly fault?: string;
  readonly by?: string;
}

export type Recorded = AuditRecord & Stamp & { readonly at: string };

/** A time in which no Worker could write to the store, because the test locked it or killed the Worker. */
export interface Away {
  /** By the clock, milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** By the simulator's log: the last request before that was written down, and the last one within. */
  readonly afterSeq: number;
  readonly untilSeq: number;
}

/** What was joined, and each place where log and audit disagree. */
export interface Joined {
  readonly requests: number;
  readonly writes: number;
  readonly reads: number;
  readonly entries: number;
  readonly denials: number;
  /** Requests and entries of a time in which nothing could be written down. */
  readonly excused: number;
  readonly faults: readonly string[];
}

/** A word of the audit about one request. PagerDuty's id is missing where the answer was lost, and always for events. */
interface Mention {
  readonly id: string | undefined;
  readonly operation: string;
  readonly record: Recorded;
  readonly isOutcome: boolean;
  /** What it was of: an id, or words. */
  readonly about: string;
}

/** How long before a lock an entry may have been written whose outcome then found the store locked: a write's HTTP limit. */
const underWayMs = 8_000;

/**
 * Joins the simulator's request log and the audit one to one: no request that no record lists, none listed twice, no outcome
 * without an allowed entry of the same step and digest, no allowed entry without its outcome.
 */
export function joinAudit(
  log: readonly SeenRequest[],
  records: readonly Recorded[],
  aways: readonly Away[] = [],
): Joined {
  const faults: string[] = [];
  // A request for an OAuth token is no call: it asks nothing of the account.
  const sent = log.filter(({ by, path }) => by === undefined && path !== '/oauth/token');
  const mentions = records.flatMap((record) => mentionsOf(record, records));
  const unanswered = mentions.filter(({ id }) => id === undefined);
  const allowed = records.filter(({ kind, decision }) => kind === 'entry' && decision === 'allowed');
  // An Update asks PagerDuty nothing; pressing or lifting a switch is no call of a run.
  const calls = allowed.filter(
    ({ operation, workflowId }) => !operation.startsWith('update:') && workflowId !== '',
  );
  let excused = 0;

  const silent = calls.filter((entry) => !records.some((record) => isOutcomeOf(record, entry)));
  const silenced = silent.filter(({ at }) => aways.some((away) => isWithin(away, Date.parse(at))));
  excused += silenced.length;
  for (const entry of silent)
    if (!silenced.includes(entry)) faults.push(`${nameOf(entry)} was allowed and has no outcome`);

  for (const request of sent) {
    const listed = mentions.filter(({ id }) => id === request.request_id);
    const [mention, second] = listed.length > 0 ? listed : [takeUnanswered(unanswered, request)];
    const what = `${request.method} ${request.path} (request ${request.seq})`;
    if (second)
      faults.push(`${what} is listed ${listed.length} times, by ${listed.map(byWhom).join(' and ')}`);
    else if (mention) faults.push(...mismatches(mention, request, what, records));
    else if (takeSilenced(silenced, request) || aways.some((away) => isLogged(away, request))) excused += 1;
    else faults.push(`${what} is listed by no record of the audit`);
  }
  for (const { record, operation, isOutcome } of unanswered)
    if (isOutcome && record.decision === 'done')
      faults.push(`${nameOf(record)} says that ${operation} was answered, and nothing reached PagerDuty`);
  const ids = new Set(sent.map(({ request_id }) => request_id));
  for (const { id, record } of mentions)
    if (id !== undefined && !ids.has(id))
      faults.push(`${nameOf(record)} lists a request ${id} that never reached PagerDuty`);
  return {
    requests: sent.length,
    writes: sent.filter(({ method }) => method !== 'GET').length,
    reads: sent.filter(({ method }) => method === 'GET').length,
    entries: records.filter(({ kind }) => kind === 'entry').length,
    denials: records.filter(({ decision }) => decision === 'denied').length,
    excused,
    faults,
  };
}

function mentionsOf(record: Recorded, records: readonly Recorded[]): readonly Mention[] {
  const reads = record.reads.map(({ operation, requestId, about }) => ({
    id: requestId,
    operation,
    record,
    isOutcome: false,
    about,
  }));
  const { requestId, operation, incident } = record;
  const own = { id: requestId, operation, record, isOutcome: true, about: incident ?? '' };
  return isOfSending(record) || isLateWord(record, records) ? [...reads, own] : reads;
}

const isOfSending = ({ kind, decision }: Recorded): boolean =>
  kind === 'outcome' && ['done', 'refused', 'unknown'].includes(decision);

/** What was looked up of a try is the one word about it where nobody could write down what had come of it. */
const isLateWord = (record: Recorded, records: readonly Recorded[]): boolean =>
  record.kind === 'outcome' &&
  ['found', 'lost'].includes(record.decision) &&
  !records.some((other) => isOfSending(other) && other.entry === record.entry && other.seq < record.seq);

/** What a mention says of its request that is not so. */
function mismatches(
  { operation, record, isOutcome }: Mention,
  request: SeenRequest,
  what: string,
  records: readonly Recorded[],
): readonly string[] {
  if (operation !== request.operation)
    return [`${what} is ${request.operation}, but ${nameOf(record)} lists it as ${operation}`];
  if (!isOutcome)
    return request.method === 'GET' || request.status === 401
      ? []
      : [`${what} is a write, but ${nameOf(record)} lists it as a read`];
  const entry = records.find((one) => one.kind === 'entry' && isOutcomeOf(record, one));
  if (!entry) return [`${what} is an outcome without an entry: ${nameOf(record)}`];
  if (entry.decision === 'allowed' && entry.step === record.step && entry.operation === operation) return [];
  return [`${what} was sent on ${nameOf(entry)}, which did not allow it`];
}

/** A release that was written to a file has no number to point at: there the attempt tells which entry is meant. */
const isOutcomeOf = (record: Recorded, entry: Recorded): boolean =>
  record.kind === 'outcome' &&
  record.workflowId === entry.workflowId &&
  record.requestDigest === entry.requestDigest &&
  (record.entry === 0
    ? entry.decision === 'allowed' &&
      record.runId === entry.runId &&
      record.step === entry.step &&
      record.attempt === entry.attempt
    : record.entry === entry.seq);

/**
 * Takes a mention whose request id was lost on the way, or that never had one: first one that names what the request is about,
 * so that none is left over for another request which it does not fit.
 */
function takeUnanswered(unanswered: Mention[], request: SeenRequest): Mention | undefined {
  const fits = [
    ({ record, isOutcome }: Mention) => isOutcome && isAbout(record, request),
    ({ isOutcome, about }: Mention) => !isOutcome && request.path.split('/').includes(about),
    ({ isOutcome }: Mention) => !isOutcome,
  ];
  for (const fit of fits) {
    const index = unanswered.findIndex((mention) => mention.operation === request.operation && fit(mention));
    if (index >= 0) return unanswered.splice(index, 1)[0];
  }
  return undefined;
}

function takeSilenced(silenced: Recorded[], request: SeenRequest): boolean {
  const index = silenced.findIndex(
    (entry) => entry.operation === request.operation && isAbout(entry, request),
  );
  return index >= 0 && silenced.splice(index, 1).length === 1;
}

const isAbout = ({ incident }: Recorded, { path }: SeenRequest): boolean =>
  incident === null || !path.startsWith('/incidents/') || path.includes(incident);

const isWithin = ({ from, to }: Away, at: number): boolean => at >= from - underWayMs && at <= to;
const isLogged = ({ afterSeq, untilSeq }: Away, { seq }: SeenRequest): boolean =>
  seq > afterSeq && seq <= untilSeq;

const nameOf = ({ seq, kind, decision, operation, step, workflowId }: Recorded): string =>
  `${kind} ${seq} (${decision}, ${operation}, "${step}" of ${workflowId})`;
const byWhom = ({ record, isOutcome }: Mention): string =>
  `${isOutcome ? '' : 'the reads of '}${nameOf(record)}`;
