import { waitFor } from '../../support/wait.ts'
import type { Fault } from '../fault.ts'
import { startOther } from '../other-program.ts'

const SENDS = 1_500
const SENDS_MS_MAX = 30_000
/** Of all sends: a neighbour may lose the processor while it holds the lock. */
const RETRIED_SHARE_MAX = 0.1

/**
 * Somebody writes to the file all the time, a little at once. Who takes the write lock before reading
 * gets it in its turn; who reads first finds what was read out of date, and has to begin again.
 */
export const fault: Fault = {
  name: 'another program writes without pause',
  async run({ service, auditor, scaled }) {
    const sends = scaled(SENDS)
    const neighbour = await startOther('write-database.ts', service.databasePath)
    const retriedCount = () => service.metric('chat-api', 'chat_write_retries_total')
    const retriedBefore = await retriedCount()
    const target = auditor.acknowledgedIds.length + sends
    const areDone = () => auditor.acknowledgedIds.length >= target
    await waitFor(areDone, `${sends} sends`, SENDS_MS_MAX)
    const share = ((await retriedCount()) - retriedBefore) / sends
    await neighbour.end()
    const isLow = share <= RETRIED_SHARE_MAX
    if (!isLow) throw new Error(`${Math.round(share * 100)} % of all sends were tried again`)
    if (auditor.isRefused) throw new Error('a send was answered 503')
  },
}
