import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { AuditRecord } from '../../gate/audit.ts';
import { openStore, type Store } from '../../gate/audit-store.ts';

/** A folder of each test's own; gone after it. */
export function temporaryFolder(): () => string {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'oncall-unit-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return () => folder;
}

/** A new store for each test, in a real file. */
export function temporaryStore(): () => Store {
  const folder = temporaryFolder();
  let store: Store;
  beforeEach(async () => {
    store = await openStore(join(folder(), 'audit.db'));
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
