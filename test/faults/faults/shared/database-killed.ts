import { setTimeout as delay } from 'node:timers/promises'
import { sharedFault } from '../../shared-fault.ts'

const TIMES = 12
const ALIVE_MS_MAX = 2_000
const DOWN_MS_MAX = 4_000

/**
 * At any moment some transactions are open, and one is being committed. Every second time a message
 * has just been delivered of which the sender does not know: it must have been on the disk by then.
 */
export const fault = sharedFault({
  name: 'kill -9 of the database server',
  async run({ database, auditor, random, scaled }) {
    const isUnderWay = ({ body }: { body: string }) =>
      auditor.underWay.some((send) => send.body === body)
    const times = scaled(TIMES)
    for (let time = 0; time < times; time += 1) {
      await delay(random.next() * ALIVE_MS_MAX)
      if (time % 2 === 0) await auditor.nextDelivery(isUnderWay)
      else await auditor.next('acknowledged')
      await database.server.kill()
      await delay(random.next() * DOWN_MS_MAX)
      await database.server.restart()
    }
  },
})
