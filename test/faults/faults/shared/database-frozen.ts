import { setTimeout as delay } from 'node:timers/promises'
import { sharedFault } from '../../shared-fault.ts'

/** Longer than the deadline of a statement. */
const FROZEN_MS = 8_000

/** It answers nothing and closes nothing; then it goes on with what was open. */
export const fault = sharedFault({
  name: 'the database server frozen for 8 s',
  isLong: true,
  expectSaid: {
    health: [/^503 .*The database cannot be reached/, /^503 .*The last good poll was/],
  },
  async run({ database, auditor }) {
    await auditor.next('acknowledged')
    database.server.signal('SIGSTOP')
    await delay(FROZEN_MS)
    database.server.signal('SIGCONT')
    if (!auditor.isRefused) throw new Error('no send was answered 503')
  },
})
