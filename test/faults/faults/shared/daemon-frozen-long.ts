import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../../../support/wait.ts'
import { sharedFault } from '../../shared-fault.ts'

/** Events are kept for 120 s. */
const FROZEN_MS = 130_000
const RESTARTING = 1012

/**
 * The others have taken it for dead, and deleted what it has not read. It registers again and closes
 * its sockets, which resume.
 */
export const fault = sharedFault({
  name: 'a daemon frozen for 130 s, longer than events are kept',
  isLong: true,
  // Who was there misses more than a thousand.
  settings: () => ({ CHAT_MAX_REPLAY: '10000' }),
  expectSaid: { log: [/This daemon was taken for dead after a pause; it has registered again/] },
  async run({ service, auditor, random }) {
    const daemon = random.pick(service.daemons)
    process.kill(service.pid(daemon), 'SIGSTOP')
    await delay(FROZEN_MS)
    const there = auditor.receivers.filter(({ daemonUrl, isConnected }) => {
      return isConnected && daemonUrl === service.urlOf(daemon)
    })
    process.kill(service.pid(daemon), 'SIGCONT')
    if (there.length === 0) throw new Error('nobody was there')
    const isClosed = () => there.every(({ closeCodes }) => closeCodes.at(-1) === RESTARTING)
    await waitFor(isClosed, `${there.length} sockets to be closed with ${RESTARTING}`)
  },
})
