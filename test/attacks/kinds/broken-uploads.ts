import type { Attack } from '../attack.ts'
import { fileStart, head, MULTIPART_TYPE } from '../request.ts'

const CONNECTIONS_MAX = 12
const PIECES_MAX = 20
const PIECE_MS_MAX = 400

/** Files that come slowly, and break off. */
export const attack: Attack = {
  name: 'uploads cut off',
  async run(target, random) {
    const { userId, headers } = target
    const open = () => target.openApi()
    const wires = await target.openMany(random.integer(1, CONNECTIONS_MAX), open)
    const length = { 'Content-Length': '20000000' }
    const type = { ...headers, ...MULTIPART_TYPE, ...length }
    const name = random.pick(['image', 'voice', 'other'])
    const start = fileStart(name, { sender_id: userId, receiver_id: random.integer(1, 40) })
    const piece = Buffer.alloc(random.integer(1, 64 * 1024), '\x89PNG\r\n')
    const pieces = random.integer(0, PIECES_MAX)
    await Promise.all(
      wires.map(async (wire) => {
        wire.write(head('POST', '/send_chat_message.php', type) + start)
        for (let sent = 0; sent < pieces && wire.isOpen; sent += 1) {
          await wire.send(piece)
          await target.pause(random.integer(0, PIECE_MS_MAX))
        }
        if (random.next() < 0.3) wire.halfClose()
      }),
    )
  },
}
