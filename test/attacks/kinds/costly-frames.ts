import type { Attack } from '../attack.ts'
import { COSTLY_JSON, frame, OPCODE } from '../request.ts'

const SOCKETS_MAX = 20
/** As many as a socket may send in a second, nearly. */
const FRAMES = 45
const FRAME_BYTES_MAX = 64 * 1024

/** As many frames as are allowed, each as long as is allowed, or was, and of costly JSON. */
export const attack: Attack = {
  name: 'costly frames',
  async run(target, random) {
    const bytes = random.pick([FRAME_BYTES_MAX, 4_096, random.integer(100, FRAME_BYTES_MAX)])
    const text = random.pick(Object.values(COSTLY_JSON))(bytes)
    const frames = Buffer.concat(Array.from({ length: FRAMES }, () => frame(OPCODE.text, text)))
    const open = () => target.openSocket()
    const sockets = random.pick([SOCKETS_MAX, random.integer(1, SOCKETS_MAX)])
    const wires = await target.openMany(sockets, open)
    await Promise.all(wires.map((wire) => wire.send(frames)))
    await target.pause(random.integer(0, 1_500))
  },
}
