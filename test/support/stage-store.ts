import Database from 'libsql';
import pg from 'pg';
import { inject } from 'vitest';
import { storeFile } from '../../gate/audit-store.ts';
import { storeTemplate } from './global-postgres.ts';
import { createDatabase, dropDatabase, urlOf } from './postgres.ts';

/** Where a stage keeps its store. */
export interface StageStore {
  /** For the test, which may do everything to it. */
  readonly place: string;
  /** For Workers, whose user may do what docs/deploy.md grants; `undefined` where the store is a file. */
  readonly databaseUrl: string | undefined;
  /** Takes the lock that all who write need, and gives what lets it go. */
  readonly lock: () => Promise<() => Promise<void>>;
  readonly remove: () => Promise<void>;
}

/** A file in `home`, or a database of the run's PostgreSQL. */
export async function storeFor(home: string): Promise<StageStore> {
  const postgres = inject('postgres');
  if (!postgres) {
    const place = storeFile(home);
    const lock = async (): Promise<() => Promise<void>> => {
      const locker = new Database(place);
      locker.exec('begin immediate');
      return async () => {
        locker.exec('rollback');
        locker.close();
      };
    };
    return { place, databaseUrl: undefined, lock, remove: async () => {} };
  }
  const name = await createDatabase(postgres, storeTemplate);
  const place = urlOf(postgres, name);
  const lock = async (): Promise<() => Promise<void>> => {
    const locker = new pg.Client({ connectionString: place });
    await locker.connect();
    await locker.query('begin; select 1 from audit_head for update');
    return () => locker.end();
  };
  return {
    place,
    databaseUrl: urlOf(postgres, name, postgres.worker),
    lock,
    remove: () => dropDatabase(postgres, name),
  };
}
