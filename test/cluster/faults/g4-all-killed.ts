import { setTimeout as delay } from 'node:timers/promises'
import { clusterFault } from '../cluster-fault.ts'

const ALIVE_MS = 5_000

/** A power cut of the rack; the node that knows the most is started first. */
export const fault = clusterFault({
  name: 'G4 kill -9 of all three nodes at once',
  isLong: true,
  async run({ database, auditor }) {
    await delay(ALIVE_MS)
    await auditor.next('acknowledged')
    await database.galera.kill()
    await database.galera.restart()
  },
})
