import { waitFor } from '../../support/wait.ts'
import type { Fault } from '../fault.ts'
import { startOther } from '../other-program.ts'

const LOCKED_MS = 10_000
/** What waits is given up after 5 s, and deleting begins once a second: so, not less than this. */
const LOCKED_MS_MIN = 7_000

/** Sends wait 5 s and are answered 503; sockets stay. */
export const fault: Fault = {
  name: 'database locked by another process',
  expectSaid: {
    log: [
      /Deleting delivered events failed; it will be tried again: The database is busy/,
      /Deleting delivered events works again/,
    ],
  },
  async run({ service, auditor, scaled }) {
    const connects = auditor.connectCount
    const locker = await startOther('lock-database.ts', service.databasePath)
    const lockedAt = performance.now()
    const lockedMs = Math.max(scaled(LOCKED_MS), LOCKED_MS_MIN)
    await waitFor(() => performance.now() - lockedAt > lockedMs, 'the end of the lock')
    await locker.end()
    if (!auditor.isRefused) throw new Error('no send was answered 503')
    if (auditor.connectCount !== connects) throw new Error('sockets did not stay')
  },
}
