import { existsSync } from 'node:fs';
import {
  ofPeople,
  openStore,
  type Store,
  StoreAway,
  StoreUnfit,
  storeFile,
  storePlace,
} from '../gate/audit-store.ts';
import { type KeptShifts, shiftsKept } from '../gate/shift-changes.ts';
import type { ClientSettings } from './config.ts';
import { OncallError } from './errors.ts';

type Where = Pick<ClientSettings, 'home' | 'databaseUrl'>;

/** Whether there is a store to work in: a database that is named, or what a Worker has kept in this folder. */
export const hasStore = ({ home, databaseUrl }: Where): boolean =>
  Boolean(databaseUrl) || existsSync(storeFile(home));

/** What there is instead of a store, and the mend: "there is …". */
export const noStore = ({ home }: Where): string =>
  `no audit in ${home}; set ONCALL_HOME to the folder the Worker uses, or DATABASE_URL to its database`;

/**
 * Works in the audit store that the Worker uses. A file is never made here: it would be in a folder that no Worker reads.
 * @throws OncallError where there is none, or it cannot be used.
 */
export async function inStore<T>(where: Where, work: (store: Store) => Promise<T>): Promise<T> {
  let store: Store | undefined;
  try {
    store = await opened(where);
    return await work(store);
  } catch (error) {
    throw toldOf(error, where);
  } finally {
    await store?.destroy();
  }
}

/** Work in the same store for what outlives it: opened when it is first needed, and anew where that failed. */
export interface LastingStore extends AsyncDisposable {
  /** @throws OncallError where there is none, or it cannot be used. */
  readonly work: <T>(work: (store: Store) => Promise<T>) => Promise<T>;
}

export function lastingStore(where: Where): LastingStore {
  let store: Promise<Store> | undefined;
  const open = (): Promise<Store> => {
    store ??= opened(where).catch((error: unknown) => {
      store = undefined;
      throw error;
    });
    return store;
  };
  return {
    work: async (work) => {
      try {
        return await work(await open());
      } catch (error) {
        throw toldOf(error, where);
      }
    },
    [Symbol.asyncDispose]: async () => {
      const last = await store?.catch(() => undefined);
      await last?.destroy();
    },
  };
}

function toldOf(error: unknown, { databaseUrl }: Where): unknown {
  if (!(error instanceof StoreAway)) return error;
  if (error instanceof StoreUnfit) return new OncallError(error.message);
  const [name, what] = databaseUrl ? ['DATABASE_URL', 'URL'] : ['ONCALL_HOME', 'folder'];
  return new OncallError(`${error.message} ${name} must be the ${what} that the Worker uses.`);
}

async function opened(where: Where): Promise<Store> {
  if (!hasStore(where)) throw new OncallError(`There is ${noStore(where)}.`);
  return openStore(storePlace(where.home, where.databaseUrl), ofPeople);
}

/** What is kept of the shifts of an order; `undefined` where nothing is. */
export type ShiftsReader = (account: string, name: string) => Promise<KeptShifts | undefined>;

/** Work that reads shifts of several orders; the store is opened where the first is asked for, and once. */
export async function withShifts<T>(where: Where, work: (shifts: ShiftsReader) => Promise<T>): Promise<T> {
  const store = lastingStore(where);
  try {
    return await work(async (account, name) =>
      hasStore(where) ? store.work((db) => shiftsKept(db, account, name)) : undefined,
    );
  } finally {
    await store[Symbol.asyncDispose]();
  }
}
