import type { Attack } from '../attack.ts'
import { eventFrame } from '../request.ts'

const SOCKETS_MAX = 10
const ODD_PARTS = [
  ...['\x1b[2J', '\x1b]0;title\x07', '\x9b31m', '\u202e', '\u2066', '\0', '\r\n', '\ud83d', '<b>'],
  ...['javascript:alert(1)', '//evil.example', '/uploads/../..', '😀'.repeat(200), ' '.repeat(500)],
]

/** People who come and go under names that are no names, and write something meanwhile. */
export const attack: Attack = {
  name: 'odd names',
  async run(target, random) {
    const sockets = random.integer(1, SOCKETS_MAX)
    for (let count = 0; count < sockets; count += 1) {
      const compose = () => random.pick(ODD_PARTS) + random.pick(ODD_PARTS)
      const query = new URLSearchParams({
        user_id: String(target.userId),
        username: compose(),
        name: compose(),
        profile_url: compose(),
      })
      const wire = await target.openSocket(String(query))
      wire.write(eventFrame(compose(), { receiver_id: 1, is_typing: compose() }))
      await wire.whenClosed(random.integer(0, 200))
      wire.hangUp()
    }
  },
}
