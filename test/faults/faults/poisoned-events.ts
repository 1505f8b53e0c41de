import Sqlite from 'better-sqlite3'
import { waitFor } from '../../support/wait.ts'
import type { Fault } from '../fault.ts'

const EVERYBODY = null

/** Rows that the table refuses, forced into it; the last one is unusual, but nothing is wrong with it. */
const ROWS: [event: string, userId: number | null, data: string][] = [
  ['poison:broken', EVERYBODY, '{"message":'],
  ['poison:empty', EVERYBODY, ''],
  ['poison:null', EVERYBODY, '\0'],
  ['poison:nobody', -1, '{}'],
  ['poison:huge', EVERYBODY, JSON.stringify('x'.repeat(10 * 1024 * 1024))],
  ['unknown:event', EVERYBODY, '{"nobody":"knows it"}'],
]

/** What cannot be sent is said once and passed over; what stands behind it arrives. */
export const fault: Fault = {
  name: 'poisoned rows in pending_events',
  expectSaid: {
    log: [
      /"poison:broken", has no JSON that can be sent; skipped/,
      /"poison:empty", has no JSON/,
      /"poison:null", has no JSON/,
      /"poison:huge", has no JSON/,
    ],
  },
  async run({ service, auditor }) {
    const connects = auditor.connectCount
    const sqlite = new Sqlite(service.databasePath, { timeout: 5_000 })
    sqlite.pragma('ignore_check_constraints = ON')
    const insert = sqlite.prepare(
      'INSERT INTO pending_events (event, user_id, data) VALUES (?, ?, ?)',
    )
    for (const row of ROWS) insert.run(...row)
    auditor.foreignEventCount += ROWS.length
    const last = sqlite.prepare("SELECT count(*) FROM pending_events WHERE event = 'unknown:event'")
    await waitFor(() => last.pluck().get() === 0, 'the poison to be passed over')
    sqlite.close()
    if (auditor.connectCount !== connects) throw new Error('sockets did not stay')
  },
}
