import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { waitFor } from '../../support/wait.ts'
import { faketime, whyNoFaketime } from '../faketime.ts'
import type { Fault, World } from '../fault.ts'

const HOUR_SECONDS = 3_600
const WRONG_MS = 8_000
/** The file is read again after a second, the clock is looked at once a second, the heart beats every five. */
const NOTICED_MS_MAX = 10_000

/** What rests on the time of day goes on; what is under way does not notice. */
export const fault: Fault = {
  name: 'clock set back by an hour, and forward again',
  missing: whyNoFaketime,
  settings: (folder) => {
    setClock(folder, 0)
    return faketime({
      FAKETIME_TIMESTAMP_FILE: clockFile(folder),
      FAKETIME_CACHE_DURATION: '1',
    })
  },
  async run(world) {
    const connects = world.auditor.connectCount
    for (const seconds of [-HOUR_SECONDS, 0]) {
      setClock(world.service.folder, seconds)
      await waitFor(() => isAlive(world, seconds), 'a heartbeat of the new time', NOTICED_MS_MAX)
      await delay(world.scaled(WRONG_MS) / 2)
    }
    if (world.auditor.connectCount !== connects) throw new Error('sockets did not stay')
  },
}

/** Whether the daemon has written a heartbeat since the clock is `seconds` ahead. */
function isAlive({ service }: World, seconds: number): boolean {
  const sqlite = new Sqlite(service.databasePath, { readonly: true })
  try {
    const sql = 'SELECT unixepoch(heartbeat_at) FROM daemons'
    const beatAt = sqlite.prepare<[], number>(sql).pluck().get() ?? 0
    return Math.abs(beatAt - (Date.now() / 1000 + seconds)) < HOUR_SECONDS / 2
  } finally {
    sqlite.close()
  }
}

function setClock(folder: string, seconds: number): void {
  writeFileSync(clockFile(folder), `${seconds < 0 ? '' : '+'}${seconds}`)
}

function clockFile(folder: string): string {
  return join(folder, 'clock')
}
