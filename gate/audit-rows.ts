import type { Stamp } from './audit.ts';
import { type AuditRow, type Store, withStore } from './audit-store.ts';

/** How many records are read at once: a large store needs no more memory than a small one. */
const pageSize = 1_000;

/** Which records; all of it must hold. */
export interface RowRange {
  /** Only records after this number. */
  readonly after?: number | undefined;
  /** Only records up to this number. */
  readonly upTo?: number | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  /** Only records of this Workflow Id. */
  readonly run?: string | undefined;
}

/** The records as they lie in the store, by their numbers, oldest first. */
export async function* rows(
  store: Store,
  { after, upTo, since, run }: RowRange = {},
): AsyncGenerator<AuditRow, void, undefined> {
  for (let last = after; ; ) {
    let query = store.selectFrom('audit').selectAll();
    if (last !== undefined) query = query.where('seq', '>', last);
    if (upTo !== undefined) query = query.where('seq', '<=', upTo);
    if (since !== undefined) query = query.where('at', '>=', since);
    if (run !== undefined) query = query.where('workflow_id', '=', run);
    const page = query.orderBy('seq').limit(pageSize);
    const found = await withStore(() => page.execute());
    yield* found;
    last = found.at(-1)?.seq;
    if (last === undefined || found.length < pageSize) return;
  }
}

/** Where the chain ends. */
export interface ChainEnd {
  /** What the store says is the last record; `undefined` where that row is gone. */
  readonly head: Stamp | undefined;
  /** Number of the last record that is there; 0 where there is none. */
  readonly last: number;
}

/** The end of the chain at one moment, whoever writes meanwhile. */
export async function chainEnd(store: Store): Promise<ChainEnd> {
  const { last, seq, hash } = await withStore(() =>
    store
      .selectNoFrom((from) => [
        from
          .selectFrom('audit')
          .select((of) => of.fn.max('seq').as('last'))
          .as('last'),
        from.selectFrom('audit_head').select('seq').where('id', '=', 1).as('seq'),
        from.selectFrom('audit_head').select('hash').where('id', '=', 1).as('hash'),
      ])
      .executeTakeFirstOrThrow(),
  );
  return { head: seq === null || hash === null ? undefined : { seq, hash }, last: last ?? 0 };
}

/** The hashes that the store has under these numbers. */
export async function hashesAt(
  store: Store,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const hashes = new Map<number, string>();
  for (let from = 0; from < numbers.length; from += pageSize) {
    const some = numbers.slice(from, from + pageSize);
    const query = store.selectFrom('audit').select(['seq', 'hash']).where('seq', 'in', some);
    for (const { seq, hash } of await withStore(() => query.execute())) hashes.set(seq, hash);
  }
  return hashes;
}
