import type { Catalogue, OperationName } from '../pagerduty/catalogue/index.ts';

/** Operations that page. */
export type PagedName = {
  [Name in OperationName]: Catalogue[Name] extends { readonly paging: object } ? Name : never;
}[OperationName];

/** How each list is walked. Says what the catalogue says, or does not compile: a Workflow may not carry the catalogue itself. */
export const pagings: { readonly [Name in PagedName]: Catalogue[Name]['paging'] } = {
  listIncidents: { style: 'offset', items: 'incidents', times: { field: 'created_at', order: 'ascending' } },
  listIncidentAlerts: { style: 'offset', items: 'alerts' },
  listIncidentLogEntries: {
    style: 'offset',
    items: 'log_entries',
    times: { field: 'created_at', order: 'descending' },
  },
  listServices: { style: 'offset', items: 'services' },
  listSchedules: { style: 'offset', items: 'schedules' },
  listEscalationPolicies: { style: 'offset', items: 'escalation_policies' },
  listUsers: { style: 'offset', items: 'users' },
  listTeams: { style: 'offset', items: 'teams' },
  listOnCalls: { style: 'offset', items: 'oncalls' },
  listWebhookSubscriptions: { style: 'offset', items: 'webhook_subscriptions' },
};

/** How a list is walked, in general: the catalogue's lists are all by offset, PagerDuty's others by cursor. */
export interface Paging {
  readonly style: 'offset' | 'cursor';
  readonly items: string;
  readonly times?: { readonly field: string; readonly order: 'ascending' | 'descending' };
}

/** The query of a list, in PagerDuty's names. */
export type Query = Readonly<Record<string, unknown>>;

/** Where a walk stands: enough to ask for the next page, and to go on in another run. */
export interface Position {
  /** The query of this slice, without its page. */
  readonly query: Query;
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string;
  /** The end of the last slice, where slices of half a year follow each other. */
  readonly end?: string;
}

/** PagerDuty shows no record of one question beyond this. */
const furthest = 10_000;

/** The widest span of `since` and `until` that PagerDuty takes is six months; a few days less is safe in every one. */
const widestMs = 175 * 24 * 3_600_000;

/** How many records a page asks for. */
const pageSize = 100;

/**
 * The first position of a walk. A list that can be sliced by time is asked in the order of time, unless the query says otherwise.
 * @param now milliseconds since 1970: where a walk without an end ends.
 */
export function begin({ style, times }: Paging, query: Query, now: number): Position {
  const { limit: _limit, offset: _offset, cursor: _cursor, ...rest } = query;
  const canSlice = times !== undefined && (times.order === 'descending' || rest['sort_by'] === undefined);
  const sliced = canSlice && style === 'offset';
  return {
    query: sliced && times.order === 'ascending' ? { ...rest, sort_by: `${times.field}:asc` } : rest,
    limit: pageSize,
    offset: 0,
    ...(sliced && { end: typeof rest['until'] === 'string' ? rest['until'] : new Date(now).toISOString() }),
  };
}

/** The query of the page at a position. */
export const pageAt = ({ query, limit, offset, cursor }: Position, { style }: Paging): Query =>
  style === 'cursor'
    ? { ...query, limit, ...(cursor !== undefined && { cursor }) }
    : { ...query, limit: Math.min(limit, furthest - offset), offset };

/** A page as it came. */
export interface Page {
  readonly items: readonly Query[];
  /** Records of the page that the agent may not see: they count for the offset. */
  readonly hidden?: number;
  readonly more: boolean;
  readonly nextCursor?: string | null | undefined;
}

/** The next position; `complete` where nothing is left, `cut` where PagerDuty shows no more and the list cannot be sliced. */
export type Step = { readonly next: Position } | { readonly end: 'complete' | 'cut' };

/** Where a walk goes after a page. The offset advances by what came: PagerDuty may send less than asked. */
export function after(
  position: Position,
  { style, times }: Paging,
  { items, hidden = 0, more, nextCursor }: Page,
): Step {
  if (style === 'cursor') {
    return typeof nextCursor === 'string' && nextCursor !== ''
      ? { next: { ...position, cursor: nextCursor } }
      : { end: 'complete' };
  }
  const came = items.length + hidden;
  const offset = position.offset + came;
  if (!more || came === 0) return nextWindow(position);
  if (offset < furthest) return { next: { ...position, offset } };
  const edge = times && items.at(-1)?.[times.field];
  if (times === undefined || position.end === undefined || typeof edge !== 'string') return { end: 'cut' };
  return sliceAt(position, edge, times.order);
}

/** Fewer records than this on a page are not asked for: then a single one is too large. */
const fewestRecords = 1;

/**
 * Walks some pages, one after the other; a page that is too large is asked for again with a quarter of the records.
 * @param ask for the page at a position, the first being 1.
 * @param take what came: its records as far as the walk goes by them.
 * @returns where it goes on, how it ended, or the answer for a page that did not come.
 */
export async function eachPage<Result extends { readonly ok: boolean }>(
  {
    position,
    paging,
    mostPages,
  }: {
    readonly position: Position;
    readonly paging: Paging;
    readonly mostPages: number;
  },
  ask: (at: Position, page: number) => Promise<Result>,
  take: (came: Extract<Result, { ok: true }>) => Page,
): Promise<Step | { readonly stopped: Extract<Result, { ok: false }> }> {
  let at = position;
  for (let page = 1; page <= mostPages; page += 1) {
    const result = await ask(at, page);
    if (!result.ok) {
      if (!('type' in result && result.type === 'TooLarge') || at.limit <= fewestRecords)
        return { stopped: result as Extract<Result, { ok: false }> };
      at = { ...at, limit: Math.ceil(at.limit / 4) };
      continue;
    }
    const step = after(at, paging, take(result as Extract<Result, { ok: true }>));
    if ('end' in step) return step;
    at = step.next;
  }
  return { next: at };
}

/** A slice that begins where 10,000 records ended; the records of that instant come again. */
function sliceAt(position: Position, edge: string, order: 'ascending' | 'descending'): Step {
  const { date_range: isAll, ...query } = position.query;
  if (order === 'descending') {
    // `until` may leave out its own instant.
    const until = new Date(Date.parse(edge) + 1_000).toISOString();
    if (until === query['until']) return { end: 'cut' };
    return { next: { ...position, query: { ...query, until }, offset: 0 } };
  }
  if (edge === query['since']) return { end: 'cut' };
  const until = isAll === undefined ? position.end : windowEnd(edge, position.end);
  return { next: { ...position, query: { ...query, since: edge, until }, offset: 0 } };
}

/** The window after this one, where a walk over all times goes on in windows of half a year. */
function nextWindow(position: Position): Step {
  const { query, end } = position;
  const { until } = query;
  const isOver = end === undefined || typeof until !== 'string' || Date.parse(until) >= Date.parse(end);
  if (isOver || query['since'] === undefined || query['sort_by'] === undefined) return { end: 'complete' };
  return {
    next: { ...position, query: { ...query, since: until, until: windowEnd(until, end) }, offset: 0 },
  };
}

const windowEnd = (since: string, end: string | undefined): string | undefined => {
  if (end === undefined) return undefined;
  return new Date(Math.min(Date.parse(since) + widestMs, Date.parse(end))).toISOString();
};
