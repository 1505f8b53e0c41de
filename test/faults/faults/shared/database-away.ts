import { setTimeout as delay } from 'node:timers/promises'
import { sharedFault } from '../../shared-fault.ts'

const AWAY_MS = 60_000

/** Sends are answered 503 meanwhile; then all is well without a hand. */
export const fault = sharedFault({
  name: 'the database server away for a minute',
  isLong: true,
  expectSaid: {
    log: [
      /is answered 503: The database /,
      /is answered again/,
      /Polling failed; trying again/,
      /Polling works again/,
    ],
    health: [/^503 .*The database cannot be reached/, /^503 .*The last good poll was/],
  },
  async run({ database, auditor }) {
    await auditor.next('acknowledged')
    await database.server.stop()
    await delay(AWAY_MS)
    await database.server.restart()
    if (!auditor.isRefused) throw new Error('no send was answered 503')
  },
})
