import type { CallResult } from '../activities/index.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { attempt, type Failed } from './attempt.ts';
import { chronicleOf } from './chronicle.ts';
import type { Errand } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';
import type { Lot } from './resolve-lot.ts';
import { eachPage, type Page, type PagedName, type Position, pageAt, pagings, type Query } from './walk.ts';

/** How many pages one run reads, so that no history grows with the account. */
const mostPages = 10;

export interface WalkInput extends Errand {
  readonly operation: PagedName;
  /** The request without its page. */
  readonly request: { readonly params?: object };
  readonly position: Position;
}

export interface WalkResult {
  /** Where the next run goes on; absent at the end. */
  readonly next?: Position;
  readonly end?: 'complete' | 'cut';
  /** Whose authority it was. */
  readonly agent?: string;
  /** How many of the records the agent may not see; absent where it may see all. */
  readonly hidden?: number;
  /** There may be more that the agent may not see: what PagerDuty leaves out nobody has counted. */
  readonly isNarrowed?: true;
  /** Why a page did not come. */
  readonly stopped?: Extract<CallResult<OperationName>, { ok: false }> | Failed;
}

/** Reads some pages of a list, one Activity each. The records stay in the results of those Activities. */
export const walkPages = (input: WalkInput): Promise<WalkResult> => walkSome(input, {});

export interface PickResult extends WalkResult {
  /** Ids of the incidents found, a lot a page. */
  readonly lots: readonly Lot[];
}

/** Reads some pages of incidents and keeps of each no more than its id. */
export async function pickIncidents(input: Omit<WalkInput, 'operation'>): Promise<PickResult> {
  const lots: Lot[] = [];
  const result = await walkSome(
    { ...input, operation: 'listIncidents' },
    {
      keep: ['id', 'created_at'],
      // A walk that sorts needs no more of a record than the field that it goes on from.
      take: (records) => {
        const incidents = records as readonly Pick<Incident, 'id' | 'created_at'>[];
        const times = incidents.map(({ created_at }) => created_at).toSorted();
        const [since, until] = [times[0], times.at(-1)];
        if (since !== undefined && until !== undefined)
          lots.push({ ids: incidents.map(({ id }) => id), near: { since, until } });
      },
    },
  );
  return { ...result, lots };
}

export interface PickIdsResult extends WalkResult {
  readonly ids: readonly string[];
}

/** Reads some pages of any list and keeps of each record no more than its id. */
export async function pickIds(input: WalkInput): Promise<PickIdsResult> {
  const ids: string[] = [];
  const result = await walkSome(input, {
    keep: ['id'],
    take: (records) => {
      for (const { id } of records) if (typeof id === 'string') ids.push(id);
    },
  });
  return { ...result, ids };
}

async function walkSome(
  { operation, request, position, ...errand }: WalkInput,
  {
    keep,
    take = () => {},
  }: { readonly keep?: readonly string[]; readonly take?: (records: Page['items']) => void },
): Promise<WalkResult> {
  const chronicle = chronicleOf(errand);
  const { look } = activitiesOf(errand.account);
  const read = look[operation] as Parameters<typeof perform<PageInput, CallResult<OperationName>>>[0];
  const paging = pagings[operation];
  let agent: string | undefined;
  let hidden = 0;
  let narrowed: Pick<WalkResult, 'isNarrowed'> = {};
  const walked = await eachPage(
    { position, paging, mostPages },
    (at, page) =>
      attempt(
        perform(read, {
          step: `Page ${page} of ${operation} from ${at.offset}`,
          request: { ...request, query: pageAt(at, paging) },
          ...(keep && { keep }),
        }),
      ),
    (came) => {
      agent = came.agent;
      chronicle.actsAs(agent);
      const found = { ...pageOf(came.response, paging.items), hidden: came.narrowed?.hidden ?? 0 };
      take(found.items);
      hidden += found.hidden;
      if (came.narrowed) narrowed = { isNarrowed: true };
      return found;
    },
  );
  return {
    ...whose(agent),
    ...(hidden > 0 && { hidden }),
    ...narrowed,
    ...walked,
  };
}

interface PageInput {
  readonly step: string;
  readonly request: { readonly params?: object; readonly query: Query };
  readonly keep?: readonly string[];
}

const whose = (agent: string | undefined): { readonly agent?: string } =>
  agent === undefined ? {} : { agent };

function pageOf(response: object, items: string): Page {
  const fields = response as Readonly<Record<string, unknown>>;
  const found = fields[items];
  return {
    items: Array.isArray(found) ? (found as readonly Query[]) : [],
    more: fields['more'] === true,
    nextCursor: fields['next_cursor'] as string | null | undefined,
  };
}
