import type { Attack } from '../attack.ts'
import { head, upgrade } from '../request.ts'

const CONNECTIONS_MAX = 32
const MILLISECONDS_MAX = 8_000

/** Readers who ask for much, a history or what they missed, and read nothing of it. */
export const attack: Attack = {
  name: 'readers that never read',
  async run(target, random) {
    const { userId, peerId, headers, scene } = target
    const people = `user_id=${userId}&other_user_id=${peerId}`
    const history = `/get_conversation_messages.php?${people}&limit=100`
    const isSocket = random.next() < 0.4
    const path = random.pick([history, '/build/react.js.map', scene.mediaPath])
    const request = isSocket
      ? upgrade(`user_id=${userId}&last_message_id=0`, headers)
      : head('GET', path, headers)
    const open = () => (isSocket ? target.openDaemon() : target.openApi())
    const wires = await target.openMany(random.integer(1, CONNECTIONS_MAX), open)
    for (const wire of wires) {
      wire.stopReading()
      wire.write(request)
    }
    await target.pause(random.integer(100, MILLISECONDS_MAX))
  },
}
