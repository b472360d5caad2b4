import { existsSync } from 'node:fs';
import { openStore, type Store, StoreAway, storeFile } from '../gate/audit-store.ts';
import { OncallError } from './errors.ts';

/** Whether a Worker has kept anything in this folder yet. */
export const hasStore = (home: string): boolean => existsSync(storeFile(home));

/**
 * Works in the audit store that the Worker uses. A new one is never made here: it would be in a folder that no Worker reads.
 * @throws OncallError where there is none, or it cannot be used.
 */
export async function inStore<T>(home: string, work: (store: Store) => Promise<T>): Promise<T> {
  if (!hasStore(home)) {
    throw new OncallError(`There is no audit in ${home}; set ONCALL_HOME to the folder the Worker uses.`);
  }
  let store: Store | undefined;
  try {
    store = await openStore(storeFile(home));
    return await work(store);
  } catch (error) {
    if (!(error instanceof StoreAway)) throw error;
    throw new OncallError(`${error.message} ONCALL_HOME must be the folder that the Worker uses.`);
  } finally {
    await store?.destroy();
  }
}
