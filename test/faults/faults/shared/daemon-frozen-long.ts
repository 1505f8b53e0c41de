import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../../../support/wait.ts'
import type { Member } from '../../member.ts'
import type { Receiver } from '../../receiver.ts'
import { type SharedWorld, sharedFault } from '../../shared-fault.ts'

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
  mayMissEvents: true,
  // Who was there misses more than a thousand.
  settings: () => ({ CHAT_MAX_REPLAY: '10000' }),
  expectSaid: { log: [/This daemon was taken for dead after a pause; it has registered again/] },
  async run(world) {
    const { service, random } = world
    const daemon = random.pick(service.daemons)
    const before = await receiversAt(world, daemon)
    const connectCounts = before.map(({ connectCount }) => connectCount)
    process.kill(service.pid(daemon), 'SIGSTOP')
    await delay(FROZEN_MS)
    const there = before.filter(({ isConnected, connectCount }, index) => {
      return isConnected && connectCount === connectCounts[index]
    })
    process.kill(service.pid(daemon), 'SIGCONT')
    if (there.length === 0) throw new Error('nobody was there')
    const isClosed = () => there.every(({ closeCodes }) => closeCodes.at(-1) === RESTARTING)
    await waitFor(isClosed, `${there.length} sockets to be closed with ${RESTARTING}`)
  },
})

/** Those with a socket at this daemon, wherever they came through. */
async function receiversAt(world: SharedWorld, daemon: Member): Promise<Receiver[]> {
  const rows = await world.database.query<{ userId: number }>(
    `SELECT user_id AS userId FROM connections JOIN daemons USING (daemon_id)
    WHERE daemons.address = ? AND daemons.ended_at IS NULL`,
    [world.service.urlOf(daemon)],
  )
  const userIds = new Set(rows.map(({ userId }) => userId))
  return world.auditor.receivers.filter(({ userId }) => userIds.has(userId))
}
