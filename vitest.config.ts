import { defineConfig } from 'vitest/config';
import { AtOnce } from './test/support/at-once.ts';

// For a busy machine: on an idle one most take milliseconds, and nothing may depend on how busy it is.
const patience = { hookTimeout: 300_000, testTimeout: 300_000 };

/** Campaigns have commands of their own: `npm run campaign:people`, …; short in CI, with ONCALL_CAMPAIGN=full in full. */
const campaigns = process.env['ONCALL_CAMPAIGN'] !== undefined;

export default defineConfig({
  test: {
    reporters: ['default', new AtOnce()],
    pool: 'forks',
    // One process runs many files: to load the SDK anew takes longer than most of them. Tests leave nothing behind in it.
    isolate: false,
    // One more than the cores of a small machine, because many wait more than they work.
    maxWorkers: 3,
    // Temporal's client retries on a timer, also a call whose connection was closed meanwhile; nobody can catch what that throws.
    onUnhandledError: ({ message }) => message !== 'Channel has been shut down',
    ...patience,
    setupFiles: ['test/support/stuck.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/replay/**/*.test.ts'],
          globalSetup: ['test/support/global-server.ts'],
          setupFiles: ['test/support/quiet.ts'],
          // Workflows run in the test's own thread: to start one for each Worker takes longer than most tests. Nothing else differs,
          // but that the SDK does not end a Workflow that computes for seconds; e2e tests and campaigns run it as it is shipped.
          env: { TEMPORAL_DEBUG: '1' },
        },
      },
      ...(campaigns
        ? [
            {
              extends: true as const,
              test: {
                name: 'campaigns',
                include: ['test/campaigns/**/*.test.ts'],
                globalSetup: ['test/support/global-build.ts', 'test/support/global-server.ts'],
                setupFiles: ['test/support/quiet.ts'],
              },
            },
          ]
        : []),
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/support/global-build.ts', 'test/support/global-world.ts'],
        },
      },
    ],
  },
});
