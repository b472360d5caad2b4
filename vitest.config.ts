import { defineConfig } from 'vitest/config';

const patience = { hookTimeout: 120_000, testTimeout: 120_000 };

/** Campaigns have commands of their own: `npm run campaign:people`, …; short in CI, with ONCALL_CAMPAIGN=full in full. */
const campaigns = process.env['ONCALL_CAMPAIGN'] !== undefined;

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        // Milliseconds each on an idle machine; nothing may depend on how busy it is.
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/global-server.ts'],
          setupFiles: ['test/support/quiet.ts'],
          ...patience,
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
                ...patience,
              },
            },
          ]
        : []),
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/support/global-build.ts'],
          // After the others; and one more at a time, because these wait more than they work.
          sequence: { groupOrder: 1 },
          maxWorkers: 3,
          ...patience,
        },
      },
    ],
  },
});
