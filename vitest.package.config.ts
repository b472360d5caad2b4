import { defineConfig } from 'vitest/config';
import { AtOnce } from './test/support/at-once.ts';

/**
 * The package as a user installs it, and in the hands of other people's programs: `npm run test:package`. It asks the package
 * registry, so it is no part of `npm test`.
 */
export default defineConfig({
  test: {
    name: 'package',
    reporters: ['default', new AtOnce()],
    pool: 'forks',
    include: ['test/package/*.test.ts'],
    globalSetup: ['test/support/global-build.ts', 'test/support/global-world.ts'],
    hookTimeout: 600_000,
    testTimeout: 300_000,
  },
});
