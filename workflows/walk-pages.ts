import type { CallResult } from '../activities/index.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { attempt, type Failed } from './attempt.ts';
import { chronicleOf } from './chronicle.ts';
import type { Errand } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';
import { after, type Page, type PagedName, type Position, pageAt, pagings, type Query } from './walk.ts';

/** How many pages one run reads, so that no history grows with the account. */
const mostPages = 25;

/** Fewer records than this on a page are not asked for: then a single one is too large. */
const fewestRecords = 1;

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
  /** Why a page did not come. */
  readonly stopped?: Extract<CallResult<OperationName>, { ok: false }> | Failed;
}

/** Reads some pages of a list, one Activity each. The records stay in the results of those Activities. */
export async function walkPages({ operation, request, position, ...errand }: WalkInput): Promise<WalkResult> {
  const chronicle = chronicleOf(errand);
  const { look } = activitiesOf(errand.account);
  const read = look[operation] as Parameters<typeof perform<PageInput, CallResult<OperationName>>>[0];
  const paging = pagings[operation];
  let at = position;
  let agent: string | undefined;
  for (let page = 1; page <= mostPages; page += 1) {
    const result = await attempt(
      perform(read, {
        step: `Page ${page} of ${operation} from ${at.offset}`,
        request: { ...request, query: pageAt(at, paging) },
      }),
    );
    if (!result.ok && result.kind === 'Failed' && result.type === 'TooLarge' && at.limit > fewestRecords) {
      at = { ...at, limit: Math.ceil(at.limit / 4) };
      continue;
    }
    if (!result.ok) return { ...whose(agent), stopped: result };
    agent = result.agent;
    chronicle.actsAs(agent);
    const step = after(at, paging, {
      ...pageOf(result.response, paging.items),
      hidden: result.narrowed?.hidden ?? 0,
    });
    if ('end' in step) return { ...whose(agent), end: step.end };
    at = step.next;
  }
  return { ...whose(agent), next: at };
}

interface PageInput {
  readonly step: string;
  readonly request: { readonly params?: object; readonly query: Query };
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
