import type { Narrowing } from '../gate/decide.ts';
import type { Condition } from '../gate/grants.ts';
import type { OperationName, RequestOf, ResponseOf } from '../pagerduty/catalogue/index.ts';
import type { Call } from './call.ts';

type Values = Readonly<Partial<Record<Condition, readonly string[]>>>;
const pairsOf = (values: Values): readonly [Condition, readonly string[]][] =>
  Object.entries(values) as [Condition, readonly string[]][];

/** The request of a list, its filters set to what the agent may see. */
export function narrowRequest<Name extends OperationName>(
  { endpoint, request }: Pick<Call<Name>, 'endpoint' | 'request'>,
  narrowing: Narrowing | undefined,
): RequestOf<Name> {
  const { by = {} } = endpoint.narrows ?? {};
  const filters = pairsOf(narrowing?.only ?? {}).flatMap(([condition, values]) => {
    const filter = by[condition];
    return filter === undefined ? [] : [[filter, values] as const];
  });
  if (filters.length === 0) return request;
  const { query = {} } = request as { readonly query?: object };
  return { ...request, query: { ...query, ...Object.fromEntries(filters) } } as RequestOf<Name>;
}

/** Whether a list is cut to less than it asks for itself. */
export function isCut<Name extends OperationName>(
  { endpoint, request }: Pick<Call<Name>, 'endpoint' | 'request'>,
  { only }: Narrowing,
): boolean {
  const { by = {} } = endpoint.narrows ?? {};
  const { query = {} } = request as { readonly query?: Readonly<Record<string, unknown>> };
  return pairsOf(only).some(([condition, values]) => {
    const asked = query[by[condition] ?? ''];
    return !Array.isArray(asked) || asked.length !== values.length;
  });
}

/** The answer of a list without the records that the agent may not see, whatever PagerDuty made of its filters. */
export function narrowAnswer<Name extends OperationName>(
  { endpoint }: Pick<Call<Name>, 'endpoint'>,
  response: ResponseOf<Name>,
  narrowing: Narrowing | undefined,
): { readonly shown: ResponseOf<Name>; readonly hidden: number } {
  if (!narrowing) return { shown: response, hidden: 0 };
  const { paging, narrows } = endpoint;
  // Rather no answer than more than the agent may see.
  if (!paging || !narrows) throw new Error('A list that cannot be cut was cut; the catalogue is wrong.');
  const records = (response as Readonly<Record<string, readonly unknown[]>>)[paging.items] ?? [];
  const has = (record: unknown, condition: Condition, values: readonly string[]): boolean => {
    const shows = narrows.shows[condition];
    // What a record cannot show, it does not have.
    return shows?.(record as never).some((shown) => values.some((value) => value === shown)) ?? false;
  };
  const kept = records.filter(
    (record) =>
      pairsOf(narrowing.only).every(([condition, values]) => has(record, condition, values)) &&
      !narrowing.never.some((deny) =>
        pairsOf(deny).every(([condition, values]) => has(record, condition, values)),
      ),
  );
  // How many there are in all would tell of what is hidden.
  const shown = { ...(response as object), [paging.items]: kept, total: null } as ResponseOf<Name>;
  return { shown, hidden: records.length - kept.length };
}
