import { setTimeout as delay } from 'node:timers/promises'
import { sharedFault } from '../../shared-fault.ts'

const FROZEN_MS = [5_000, 20_000]
const BETWEEN_MS = 3_000

/** Its sockets stay open and silent; who is there gets everything when it goes on. */
export const fault = sharedFault({
  name: 'a daemon frozen for 5 s, and for 20 s',
  isLong: true,
  async run({ service, random }) {
    for (const frozenMs of FROZEN_MS) {
      const pid = service.pid(random.pick(service.daemons))
      process.kill(pid, 'SIGSTOP')
      await delay(frozenMs)
      process.kill(pid, 'SIGCONT')
      await delay(BETWEEN_MS)
    }
  },
})
