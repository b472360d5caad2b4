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
  const { home, databaseUrl } = where;
  if (!hasStore(where)) throw new OncallError(`There is ${noStore(where)}.`);
  let store: Store | undefined;
  try {
    store = await openStore(storePlace(home, databaseUrl), ofPeople);
    return await work(store);
  } catch (error) {
    if (!(error instanceof StoreAway)) throw error;
    if (error instanceof StoreUnfit) throw new OncallError(error.message);
    const [name, what] = databaseUrl ? ['DATABASE_URL', 'URL'] : ['ONCALL_HOME', 'folder'];
    throw new OncallError(`${error.message} ${name} must be the ${what} that the Worker uses.`);
  } finally {
    await store?.destroy();
  }
}

/** What is kept of the shifts of an order; `undefined` where nothing is. */
export type ShiftsReader = (account: string, name: string) => Promise<KeptShifts | undefined>;

export const shiftsIn =
  (where: Where): ShiftsReader =>
  async (account, name) =>
    hasStore(where) ? inStore(where, (store) => shiftsKept(store, account, name)) : undefined;
