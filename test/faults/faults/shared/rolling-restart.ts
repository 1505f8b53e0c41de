import { setTimeout as delay } from 'node:timers/promises'
import { sharedFault } from '../../shared-fault.ts'

const TIMES = 3
const BETWEEN_MS_MAX = 1_000

/** One process after the other, as for a new version. */
export const fault = sharedFault({
  name: 'graceful rolling restart of all processes',
  isLong: true,
  async run({ service, random, scaled, auditor }) {
    const times = scaled(TIMES)
    for (let time = 0; time < times; time += 1) {
      for (const member of service.members) {
        await delay(random.next() * BETWEEN_MS_MAX)
        await service.terminate(member)
        await service.start(member)
      }
    }
    if (auditor.isRefused) throw new Error('a send was answered 503')
  },
})
