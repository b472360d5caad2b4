import { defineConfig } from 'vitest/config';
import { findPostgres } from './test/support/postgres.ts';

const named = (folder: string, names: string): readonly string[] =>
  names.split(' ').map((name) => `test/${folder}/${name}.test.ts`);

/** The tests of the gate whose store is a file elsewhere, and those of what only PostgreSQL does. */
const include = [
  ...named('unit', 'audit-store steps leases switches audit audit-verify audit-kill release-journal'),
  ...named('integration', 'caps switches identity once approvals attacks audit leases planted'),
  'test/postgres/*.test.ts',
];

const isThere = findPostgres() !== undefined;
if (!isThere)
  console.log(
    'PostgreSQL is not installed on this machine (no initdb in /usr/lib/postgresql/*/bin or on PATH): its tests are skipped.',
  );

export default defineConfig({
  test: {
    name: 'postgres',
    pool: 'forks',
    maxWorkers: 2,
    include: isThere ? include : [],
    passWithNoTests: !isThere,
    globalSetup: isThere
      ? ['postgres', 'server', 'build'].map((name) => `test/support/global-${name}.ts`)
      : [],
    setupFiles: ['test/support/quiet.ts'],
    hookTimeout: 120_000,
    testTimeout: 120_000,
  },
});
