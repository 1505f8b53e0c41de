import { setTimeout as delay } from 'node:timers/promises'
import { sharedFault } from '../../shared-fault.ts'

/** Longer than a write is tried again. */
const READ_ONLY_MS = 8_000

/** As a primary that is about to become a replica. Reads work, and sockets stay. */
export const fault = sharedFault({
  name: 'the database server read-only for 8 s',
  isLong: true,
  expectSaid: { log: [/POST \/send_chat_message.php is answered 503: The database is /] },
  async run({ database, auditor }) {
    await auditor.next('acknowledged')
    await database.query('SET GLOBAL read_only = 1')
    await delay(READ_ONLY_MS)
    await database.query('SET GLOBAL read_only = 0')
    if (!auditor.isRefused) throw new Error('no send was answered 503')
  },
})
