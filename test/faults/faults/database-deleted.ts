import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../../support/wait.ts'
import type { Fault } from '../fault.ts'

const BEFORE_MS = 1_000

/** rm data/chat.db*: what the processes still have open is put back in its place. */
export const fault: Fault = {
  name: 'database file deleted',
  expectSaid: {
    log: [/was moved or deleted: nothing is stored for now/, /works again: it was put back/],
    health: [/^503 .*The database is (out of place|being opened)/],
    status: [/"health":"The database is out of place/],
  },
  async run({ service, auditor }) {
    await delay(BEFORE_MS)
    for (const suffix of ['', '-wal', '-shm']) rmSync(service.databasePath + suffix)
    await waitFor(() => auditor.isRefused, 'a send to be refused')
    await service.status('chat-api')
    await waitFor(() => service.said.logs.every(worksAgain), 'both to work again')
  },
}

function worksAgain(log: string[]): boolean {
  return log.some((line) => line.includes('works again: '))
}
