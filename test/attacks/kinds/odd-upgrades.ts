import type { Attack } from '../attack.ts'
import { upgrade } from '../request.ts'

const CONNECTIONS_MAX = 50

/** Sockets that do not come about: half an upgrade, odd keys, gone at once. */
export const attack: Attack = {
  name: 'odd upgrades',
  async run(target, random) {
    const open = () => (random.next() < 0.8 ? target.openDaemon() : target.openApi())
    const wires = await target.openMany(random.integer(1, CONNECTIONS_MAX), open)
    for (const wire of wires) {
      const odd = random.pick<Record<string, string>>([
        {},
        { 'Sec-WebSocket-Key': 'x' },
        { 'Sec-WebSocket-Key': 'A'.repeat(random.integer(0, 8_000)) },
        { 'Sec-WebSocket-Version': String(random.integer(-1, 99)) },
        { 'Sec-WebSocket-Protocol': ',,'.repeat(random.integer(0, 2_000)) },
        { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' },
        { Upgrade: random.pick(['h2c', 'websocket, websocket', '']) },
        { Connection: random.pick(['close', 'Upgrade, keep-alive', '']) },
        { 'Content-Length': '5' },
      ])
      const whole = upgrade(`user_id=${target.userId}`, { ...target.headers, ...odd })
      const isHalf = random.next() < 0.3
      wire.write(isHalf ? whole.slice(0, random.integer(0, whole.length)) : whole)
      if (random.next() < 0.4) wire.hangUp()
      else if (random.next() < 0.2) wire.halfClose()
    }
    await target.pause(random.integer(0, 1_000))
  },
}
