import { setTimeout as delay } from 'node:timers/promises'
import { clusterFault } from '../cluster-fault.ts'

const FROZEN_MS = [5_000, 20_000]
const BETWEEN_MS = 5_000

/** It comes back with transactions that are still open, while another has taken its place. */
export const fault = clusterFault({
  name: 'G2 the writing node frozen for 5 s, and for 20 s',
  isLong: true,
  async run({ database, auditor }) {
    for (const frozenMs of FROZEN_MS) {
      await auditor.next('acknowledged')
      const writer = await database.writer()
      writer.signal('SIGSTOP')
      await delay(frozenMs)
      writer.signal('SIGCONT')
      await delay(BETWEEN_MS)
    }
  },
})
