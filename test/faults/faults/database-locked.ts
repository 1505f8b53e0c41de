import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { waitFor } from '../../support/wait.ts'
import type { Fault } from '../fault.ts'

const LOCK_DATABASE = fileURLToPath(new URL('../lock-database.ts', import.meta.url))
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
    const program = spawn(process.execPath, [
      '--import',
      'tsx',
      LOCK_DATABASE,
      service.databasePath,
    ])
    await once(program.stdout, 'data')
    const lockedAt = performance.now()
    const lockedMs = Math.max(scaled(LOCKED_MS), LOCKED_MS_MIN)
    await waitFor(() => performance.now() - lockedAt > lockedMs, 'the end of the lock')
    program.stdin.end()
    await once(program, 'exit')
    if (!auditor.isRefused) throw new Error('no send was answered 503')
    if (auditor.connectCount !== connects) throw new Error('sockets did not stay')
  },
}
