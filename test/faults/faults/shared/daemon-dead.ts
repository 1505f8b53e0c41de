import { Device } from '../../../support/clients.ts'
import { waitFor } from '../../../support/wait.ts'
import { PRESENCE_MS_MAX, shown } from '../../presence.ts'
import { sharedFault } from '../../shared-fault.ts'

const DEAD = 'chat-websocket-3'
/** Users who leave with the daemon; all the others come back elsewhere. */
const GONE_IDS = [3_001, 3_002, 3_003, 3_257]

/** Nobody starts it again: its clients go to the others, or are told to be offline. */
export const fault = sharedFault({
  name: 'kill -9 of a daemon that stays dead',
  isLong: true,
  async run(world) {
    const { service, auditor } = world
    const gone = GONE_IDS.map((userId) => new Device(userId))
    await Promise.all(gone.map((device) => device.connect(service.urlOf(DEAD))))
    await Promise.all(GONE_IDS.map((userId) => shown(world, userId, true)))
    await service.kill(DEAD)
    await waitFor(() => auditor.isEverybodyThere, 'everybody to come back elsewhere')
    const connectCounts = auditor.receivers.map(({ recovered }) => recovered.length)
    await Promise.all(GONE_IDS.map((userId) => shown(world, userId, false)))
    const isTold = () => {
      const stayed = auditor.receivers.filter(
        ({ recovered }, index) => recovered.length === connectCounts[index],
      )
      return stayed.every(({ statuses }) =>
        GONE_IDS.every((userId) => statuses.get(userId) === false),
      )
    }
    await waitFor(isTold, 'everybody to be told who is offline', PRESENCE_MS_MAX)
  },
})
