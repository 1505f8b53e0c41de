import { setTimeout as delay } from 'node:timers/promises'
import { sharedFault } from '../../shared-fault.ts'

const TIMES = 5
const ALIVE_MS_MAX = 3_000
const DOWN_MS_MAX = 4_000

/** At any moment some transactions are open, and one is being committed. */
export const fault = sharedFault({
  name: 'kill -9 of the database server',
  async run({ database, auditor, random, scaled }) {
    const times = scaled(TIMES)
    for (let time = 0; time < times; time += 1) {
      await delay(random.next() * ALIVE_MS_MAX)
      await auditor.next('acknowledged')
      await database.server.kill()
      await delay(random.next() * DOWN_MS_MAX)
      await database.server.restart()
    }
  },
})
