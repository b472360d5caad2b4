import { defineConfig } from 'vitest/config';
import { AtOnce } from './test/support/at-once.ts';
import { findPostgres } from './test/support/postgres.ts';

const named = (folder: string, names: string): readonly string[] =>
  names.split(' ').map((name) => `test/${folder}/${name}.test.ts`);

/** The tests of the gate whose store is a file elsewhere, and those of what only PostgreSQL does. */
const include = [
  ...named('unit', 'audit-store steps leases switches sweeps audit audit-verify release-journal'),
  ...named(
    'integration',
    'caps switches identity once approvals attacks audit leases planted sweep-incidents',
  ),
  ...named('campaigns', 'audit-kill perform-kill'),
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
    reporters: ['default', new AtOnce()],
    pool: 'forks',
    // Loading the modules anew for every file would take as long as the tests.
    isolate: false,
    maxWorkers: 2,
    include: isThere ? include : [],
    passWithNoTests: !isThere,
    globalSetup: isThere
      ? ['postgres', 'server', 'build'].map((name) => `test/support/global-${name}.ts`)
      : [],
    // What kills processes at random shows elsewhere that it finds something; here it is shorter.
    env: { KILLS: '3', TEMPORAL_DEBUG: '1' },
    setupFiles: ['test/support/stuck.ts', 'test/support/quiet.ts'],
    hookTimeout: 300_000,
    testTimeout: 300_000,
  },
});
