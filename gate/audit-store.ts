import { join } from 'node:path';
import type { Patience } from './postgres-driver.ts';
import { faultOf, StoreAway, type StoreFault, StoreUnfit } from './store-away.ts';
import type { Store, StoreTransaction } from './store-schema.ts';
import { openSqlite } from './store-sqlite.ts';

export { StoreAway, StoreUnfit } from './store-away.ts';
export type {
  AuditRow,
  BearerRow,
  LeaseRow,
  PaceCountRow,
  PaceRow,
  StepRow,
  Store,
  StoreTransaction,
  SweepRow,
  SweptRow,
  SwitchRow,
} from './store-schema.ts';

/** The store's file in `ONCALL_HOME`. */
export const storeFile = (home: string): string => join(home, 'audit.db');

/** A Worker's patience with PostgreSQL: a release that finds the store away still has the time to be written to a file and sent. */
const ofWorkers: Patience = { connectMs: 2_000, statementMs: 2_000, transactionMs: 5_000 };

/** A person's, who asks for much at once, and would rather wait than be refused. */
export const ofPeople: Patience = { connectMs: 5_000, statementMs: 30_000, transactionMs: 60_000 };

/**
 * Where the store is: in the database that `DATABASE_URL` names, else in a file in `ONCALL_HOME`.
 * @throws StoreUnfit where the URL is none of PostgreSQL's.
 */
export function storePlace(home: string, databaseUrl: string | undefined): string {
  const url = databaseUrl?.trim();
  if (!url) return storeFile(home);
  if (isPostgres(url)) return url;
  throw new StoreUnfit(
    'DATABASE_URL must begin with postgres:// or postgresql://; without it the audit store is a file.',
  );
}

/** Whether a place is PostgreSQL's, by its URL, and no file. */
const isPostgres = (place: string): boolean => /^postgres(ql)?:\/\//i.test(place);

/**
 * Opens the store, migrated where needed; several processes may do so at once.
 * @param place a file path, made where it is not there; or the URL of a database in PostgreSQL, of which no part is ever told.
 * @throws StoreAway
 */
export async function openStore(place: string, patience = ofWorkers): Promise<Store> {
  if (!isPostgres(place)) return openSqlite(place);
  // Who has a file need not wait for what talks to PostgreSQL.
  const { openPostgres } = await import('./store-postgres.ts');
  return openPostgres(place, patience);
}

/** How often a transaction is tried that the database itself gave up: more would keep its Activity from ending in time. */
const mostTurns = 3;

/** For `transact`: what was perhaps kept is done again, because doing it again changes nothing. */
export const mayRepeat = async (): Promise<boolean> => false;

/**
 * Writes in one transaction that holds the store's lock from its beginning: what it reads is what the one before it left, and
 * no other writes until it ends. Every write goes this way.
 * @param work may be done again where nothing of the first time was kept, so it does nothing beside the store.
 * @param isKept whether what `work` wrote is in the store, for when the answer to a commit was lost; asked once the lost
 * transaction has ended, one way or the other. Without it such a commit is `StoreAway`.
 * @throws StoreAway
 */
export async function transact<T>(
  store: Store,
  work: (tx: StoreTransaction) => Promise<T>,
  isKept?: (tx: StoreTransaction, result: T) => Promise<boolean>,
): Promise<T> {
  for (let turn = 1; ; turn += 1) {
    const results: T[] = [];
    try {
      return await store.transaction().execute(async (tx) => {
        results.push(await work(tx));
        return results[0] as T;
      });
    } catch (error) {
      const fault = faultOf(error);
      if (!fault) throw error;
      const { effect, again } = fault.failed;
      if (effect === 'unknown' && isKept) {
        if (await transactOver(store, fault, (tx) => isKept(tx, results[0] as T))) return results[0] as T;
      } else if (!again) throw away(fault);
      if (turn === mostTurns) throw away(fault);
    }
  }
}

/** Looks under the store's lock, which the lost transaction held until it ended: what is there now is all of it. */
async function transactOver(
  store: Store,
  lost: StoreFault,
  look: (tx: StoreTransaction) => Promise<boolean>,
): Promise<boolean> {
  try {
    return await transact(store, look);
  } catch (error) {
    throw error instanceof StoreAway ? away(lost) : error;
  }
}

/** Reads from the store; whatever goes wrong below is `StoreAway`. */
export async function withStore<T>(work: () => Promise<T>): Promise<T> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await work();
    } catch (error) {
      const fault = faultOf(error);
      if (!fault) throw error;
      if (!fault.failed.again || turn === mostTurns) throw away(fault);
    }
  }
}

const away = (fault: StoreFault): StoreAway =>
  new StoreAway(`The audit store cannot be used: ${fault.message}.`, { cause: fault.cause });
