import type { Query } from '../query.ts';
import { Refusal } from '../refusal.ts';

/** One page of a list, in the classic style, under its name. `total` is null unless asked for. */
export function pageOf<Thing>(
  name: string,
  things: readonly Thing[],
  query: Query,
  write: (thing: Thing) => unknown,
): Readonly<Record<string, unknown>> {
  const { limit, offset, total } = query.page();
  return {
    [name]: things.slice(offset, offset + limit).map(write),
    limit,
    offset,
    more: things.length > offset + limit,
    total: total ? things.length : null,
  };
}

/** What a list can be sorted by. Null comes last, whichever the direction. */
export type SortKeys<Thing> = Readonly<Record<string, (thing: Thing) => number | string | null>>;

/** Sorted as `sort_by` asks, at most by two fields; where it asks nothing as it comes, or by what is said here. @throws Refusal 2001 for other fields. */
export function sorted<Thing>(
  things: readonly Thing[],
  query: Query,
  keys: SortKeys<Thing>,
  otherwise?: string,
): readonly Thing[] {
  const asked = (query.text('sort_by') ?? otherwise)?.split(',') ?? [];
  const orders = asked.map((field) => orderBy(field, keys));
  if (orders.length > 2) throw new Refusal(2001, 'sort_by takes at most two fields.');
  return things.toSorted((a, b) => orders.reduce((order, next) => order || next(a, b), 0));
}

type Order<Thing> = (a: Thing, b: Thing) => number;

function orderBy<Thing>(asked: string, keys: SortKeys<Thing>): Order<Thing> {
  const [field = '', direction = 'asc', ...rest] = asked.split(':');
  const key = Object.hasOwn(keys, field) ? keys[field] : undefined;
  if (!key || !['asc', 'desc'].includes(direction) || rest.length > 0) {
    throw new Refusal(2001, `sort_by takes ${Object.keys(keys).join(', ')}, each with :asc or :desc.`);
  }
  const sign = direction === 'desc' ? -1 : 1;
  return (a, b) => {
    const [left, right] = [key(a), key(b)];
    if (left === right) return 0;
    if (left === null) return 1;
    if (right === null) return -1;
    return left < right ? -sign : sign;
  };
}
