import type { Attack } from '../attack.ts'
import { eventFrame, post } from '../request.ts'

const REQUESTS_MAX = 200
const CONNECTIONS_MAX = 8
const FRAMES_MAX = 60

/** The same messages read over and over, over HTTP and over sockets. */
export const attack: Attack = {
  name: 'receipt floods',
  async run(target, random) {
    const { userId, peerId, headers } = target
    if (random.next() < 0.3) {
      const wire = await target.openSocket()
      const read = eventFrame('chat:read', { message_id: random.integer(1, 100) })
      await wire.send(Buffer.concat(Array(random.integer(1, FRAMES_MAX)).fill(read)))
      return target.pause(random.integer(0, 1_000))
    }
    const parameters = random.pick([
      { user_id: userId, other_user_id: peerId },
      { user_id: userId, conversation_id: 1 },
      { user_id: userId, message_id: random.integer(1, 1_000) },
    ])
    const request = post('/mark_as_read.php', parameters, headers)
    const requests = random.integer(1, REQUESTS_MAX)
    const open = () => target.openApi()
    const wires = await target.openMany(random.integer(1, CONNECTIONS_MAX), open)
    await Promise.all(
      wires.map(async (wire) => {
        for (let count = 0; count < requests && wire.isOpen; count += 1) await wire.ask(request)
      }),
    )
  },
}
