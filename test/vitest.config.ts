import { defineConfig } from 'vitest/config'
import { whyNoMariadb } from './support/mariadb.ts'

const HEAVY = 'test/**/*.heavy.test.ts'
/** What clients see, which is the same on the shared engine. */
const CLIENT_VIEW = [
  'test/document.test.ts',
  'test/client-facts.test.ts',
  'test/delivery.test.ts',
  'test/people/*.test.ts',
  'test/client/*.test.ts',
  'test/http/{broadcast,message-text,parameters,routes,uploads}.test.ts',
  'test/websocket/{socket,upgrade}.test.ts',
  'test/trust/{callers,matrix,media,sessions}.test.ts',
]
const SHARED = {
  extends: true as const,
  test: {
    name: 'shared',
    include: CLIENT_VIEW,
    exclude: [HEAVY],
    env: { CHAT_TEST_ENGINE: 'mysql' },
  },
}

/**
 * `npm test` runs the quick tests; `npm run check` those of *.heavy.test.ts as well, which need many
 * processes, a browser, or more than a few seconds, and those of the client's view once more on
 * the shared engine, where there is a MariaDB.
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
      ...(whyNoMariadb() === undefined ? [SHARED] : []),
    ],
  },
})
