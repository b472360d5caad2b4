import { defineConfig } from 'vitest/config';
import { AtOnce } from './test/support/at-once.ts';

/**
 * The way of somebody new, from a fresh checkout, by the commands of the documentation as they are written: `npm run newcomer`. It
 * asks the package registry and takes the ports that they name, so it is no part of `npm test`.
 */
export default defineConfig({
  test: {
    name: 'newcomer',
    reporters: ['default', new AtOnce()],
    pool: 'forks',
    include: ['test/newcomer/*.test.ts'],
    hookTimeout: 600_000,
    testTimeout: 600_000,
  },
});
