import { existsSync } from 'node:fs';
import { openStore, type Store, StoreAway, storeFile } from '../gate/audit-store.ts';
import { OncallError } from './errors.ts';

/**
 * Works in the audit store that the Worker uses. A new one is never made here: it would be in a folder that no Worker reads.
 * @throws OncallError where there is none, or it cannot be used.
 */
export async function inStore<T>(home: string, work: (store: Store) => Promise<T>): Promise<T> {
  const file = storeFile(home);
  if (!existsSync(file)) {
    throw new OncallError(`There is no audit in ${home}; set ONCALL_HOME to the folder the Worker uses.`);
  }
  let store: Store | undefined;
  try {
    store = await openStore(file);
    return await work(store);
  } catch (error) {
    if (!(error instanceof StoreAway)) throw error;
    throw new OncallError(`${error.message} ONCALL_HOME must be the folder that the Worker uses.`);
  } finally {
    await store?.destroy();
  }
}
