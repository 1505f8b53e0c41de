import { renameSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import type { Fault } from '../fault.ts'
import { rescue, SAID } from '../rescue.ts'

const BEFORE_MS = 1_000

/** An older copy takes the place of the database: nothing is acknowledged into it, or lost with it. */
export const fault: Fault = {
  name: 'database file replaced, copied out as the log says',
  expectSaid: SAID,
  async run({ service, auditor }) {
    await delay(BEFORE_MS)
    const path = service.databasePath
    const source = new Sqlite(path, { readonly: true })
    await source.backup(`${path}-new`)
    source.close()
    await delay(BEFORE_MS)
    renameSync(`${path}-new`, path)
    await rescue({ service, auditor })
  },
}
