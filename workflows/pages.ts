import type { CallResult } from '../activities/index.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';

type Paged = { readonly more?: boolean | null | undefined };

/**
 * Walks a list to its end, one Activity a page; the offset advances by what came, since PagerDuty may send less than asked.
 * Stops at `most` records. The first page that is not `ok` is the answer.
 */
export async function allPages<Name extends OperationName, Item>(
  page: (offset: number) => Promise<CallResult<Name>>,
  itemsOf: (response: Extract<CallResult<Name>, { ok: true }>['response']) => readonly Item[],
  most: number,
): Promise<
  | { readonly ok: true; readonly items: readonly Item[]; readonly complete: boolean; readonly agent: string }
  | Extract<CallResult<Name>, { ok: false }>
> {
  const items: Item[] = [];
  let offset = 0;
  for (;;) {
    const result = await page(offset);
    if (!result.ok) return result as Extract<CallResult<Name>, { ok: false }>;
    const found = itemsOf(result.response);
    items.push(...found);
    const came = found.length + (result.narrowed?.hidden ?? 0);
    offset += came;
    const more = (result.response as Paged).more === true;
    if (!more || came === 0 || items.length >= most) {
      return { ok: true, items, complete: !more, agent: result.agent };
    }
  }
}

/** What of a list the agent may not see, in words: how many, where somebody has counted them. */
export const notSeen = (what: string, hidden = 0): string =>
  `${hidden > 0 ? `${hidden} ` : ''}${what} that the agent may not see`;

/** The same of a list that was named before. */
export const othersNotSeen = (hidden: number): string => notSeen(hidden > 0 ? `${hidden}` : 'those');
