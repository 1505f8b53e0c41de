import { setTimeout as delay } from 'node:timers/promises'
import { clusterFault } from '../cluster-fault.ts'

const TIMES = 2
const CUT_OFF_MS = 8_000
const BETWEEN_MS = 6_000

/** Its clients still reach it; its peers do not. It must not take writes that the others never see. */
export const fault = clusterFault({
  name: 'G5 the writing node cut off from its peers for 8 s',
  isLong: true,
  async run({ database, auditor, scaled }) {
    const times = scaled(TIMES)
    for (let time = 0; time < times; time += 1) {
      await auditor.next('acknowledged')
      const writer = await database.writer()
      await writer.isolate(true)
      await delay(CUT_OFF_MS)
      await writer.isolate(false)
      await delay(BETWEEN_MS)
    }
  },
})
