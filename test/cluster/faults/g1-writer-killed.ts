import { setTimeout as delay } from 'node:timers/promises'
import { clusterFault } from '../cluster-fault.ts'

const TIMES = 2
const ALIVE_MS = 4_000
/** Until the others have found out, HAProxy has turned, and the next one has served for a while. */
const DOWN_MS = 8_000

export const fault = clusterFault({
  name: 'G1 kill -9 of the node that takes the writes',
  async run({ database, auditor, scaled }) {
    const times = scaled(TIMES)
    for (let time = 0; time < times; time += 1) {
      await delay(ALIVE_MS)
      await auditor.next('acknowledged')
      const writer = await database.writer()
      await writer.kill()
      await delay(DOWN_MS)
      await writer.start()
    }
  },
})
