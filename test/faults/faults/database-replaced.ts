import { renameSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { waitFor } from '../../support/wait.ts'
import type { Fault } from '../fault.ts'

const BEFORE_MS = 1_000
const LOCKED_AFTER_MS = 500

/**
 * A copy takes the place of the database while both programs run. Nobody can write between the copying
 * and that: else what was acknowledged in between would be gone, by the will of whoever does it.
 */
export const fault: Fault = {
  name: 'database file replaced',
  expectSaid: {
    log: [
      /was replaced by another file: nothing is stored/,
      /works again: the new file is in use now/,
    ],
    health: [/^503 .*The database is (out of place|being opened)/],
  },
  async run({ service }) {
    await delay(BEFORE_MS)
    const path = service.databasePath
    const lock = new Sqlite(path, { timeout: 5_000 })
    const source = new Sqlite(path, { readonly: true })
    lock.exec('BEGIN IMMEDIATE')
    await source.backup(`${path}-new`)
    renameSync(`${path}-new`, path)
    // Whoever has begun to wait for the lock gives up before it gets it in the old file.
    await delay(LOCKED_AFTER_MS)
    lock.exec('ROLLBACK')
    lock.close()
    source.close()
    const worksAgain = (log: string[]) => log.some((line) => line.includes('works again: '))
    await waitFor(() => service.said.logs.every(worksAgain), 'both to work again')
  },
}
