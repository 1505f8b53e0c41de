import type { Attack } from '../attack.ts'
import { head } from '../request.ts'

const FILES = ['/build/react.js.map', '/build/chat.js', '/index.html', '/health']
const REQUESTS_MAX = 500

/** One connection, hundreds of requests, nothing read; then the client hangs up, or half. */
export const attack: Attack = {
  name: 'pipelining',
  async run(target, random) {
    const { userId, peerId, headers } = target
    const people = `user_id=${userId}&other_user_id=${peerId}`
    const history = `/get_conversation_messages.php?${people}&limit=100`
    const path = random.pick([...FILES, history])
    const wire = await target.openApi()
    wire.stopReading()
    wire.write(head('GET', path, headers).repeat(random.integer(2, REQUESTS_MAX)))
    await target.pause(random.integer(0, 1_000))
    if (random.next() < 0.5) wire.halfClose()
    else wire.hangUp()
    await wire.whenClosed(random.integer(0, 2_000))
  },
}
