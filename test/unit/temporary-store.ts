import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, inject } from 'vitest';
import type { AuditRecord } from '../../gate/audit.ts';
import { ofPeople, openStore, type Store } from '../../gate/audit-store.ts';
import { storeTemplate } from '../support/global-postgres.ts';
import { asOwner, createDatabase, dropDatabase, urlOf } from '../support/postgres.ts';

/** A folder of each test's own; gone after it. */
export function temporaryFolder(): () => string {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'oncall-unit-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return () => folder;
}

/** A place for each test's own store: a file that is not made yet, or a database of the run's PostgreSQL with empty tables. */
export function temporaryPlace(): () => string {
  const postgres = inject('postgres');
  const folder = temporaryFolder();
  if (!postgres) return () => join(folder(), 'audit.db');
  let name: string | undefined;
  beforeEach(async () => {
    // A database is made once, and again after a test that has broken it.
    if (name !== undefined && (await asOwner(postgres, name, emptied).catch(() => undefined))) return;
    if (name !== undefined) await dropDatabase(postgres, name);
    name = await createDatabase(postgres, storeTemplate);
  });
  afterAll(async () => {
    if (name !== undefined) await dropDatabase(postgres, name);
  });
  return () => urlOf(postgres, name ?? '');
}

const emptied = `do $$ declare name text; begin
  for name in select tablename from pg_tables where schemaname = 'public' and tablename <> 'kysely_migration'
  loop execute format('delete from %I', name); end loop;
  insert into audit_head values (1, 0, '');
end $$`;

/** A new store for each test, in a real file or database. */
export function temporaryStore(): () => Store {
  const place = temporaryPlace();
  let store: Store;
  beforeEach(async () => {
    store = await openStore(place(), ofPeople);
  });
  afterEach(() => store.destroy());
  return () => store;
}

/** An entry, as `perform` writes it before a note is sent. */
export const record = (fields: Partial<AuditRecord> = {}): AuditRecord => ({
  kind: 'entry',
  agent: 'bot',
  account: 'main',
  workflowId: 'note:main:P1',
  runId: 'run-1',
  step: 'add the note',
  attempt: 1,
  configuration: 'c0ffee',
  operation: 'createIncidentNote',
  action: 'incidents.add_note',
  incident: 'P1',
  decision: 'allowed',
  rule: 'agents.bot.grants.incidents.add_note',
  sentence: 'bot may add a note to incident #12 (P1): its grant on incidents.add_note is full.',
  requestDigest: 'd1',
  reads: [],
  ...fields,
});
