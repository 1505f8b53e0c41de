import { defineConfig } from 'vitest/config'

const HEAVY = 'test/**/*.heavy.test.ts'

/**
 * `npm test` runs the quick tests; `npm run check` those of *.heavy.test.ts as well, which need many
 * processes, a browser, or more than a few seconds.
 */
export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    globalSetup: 'test/support/mariadb-setup.ts',
    // Two cores: real processes and sockets want one of them to themselves.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'quick', include: ['test/**/*.test.ts'], exclude: [HEAVY] } },
      { extends: true, test: { name: 'heavy', include: [HEAVY] } },
    ],
  },
})
