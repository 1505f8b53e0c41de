import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import { rescue, SAID } from '../rescue.ts'

const BEFORE_MS = 1_000

/** rm data/chat.db*: sends are refused, and what the processes still have open is copied out. */
export const fault: Fault = {
  name: 'database file deleted, copied out as the log says',
  expectSaid: SAID,
  async run({ service, auditor }) {
    await delay(BEFORE_MS)
    for (const suffix of ['', '-wal', '-shm']) rmSync(service.databasePath + suffix)
    await rescue({ service, auditor })
  },
}
