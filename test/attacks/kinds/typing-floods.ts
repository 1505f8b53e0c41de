import type { Attack } from '../attack.ts'
import { eventFrame } from '../request.ts'
import { ATTACKER_COUNT } from '../target.ts'

const SOCKETS_MAX = 20
const FRAMES_MAX = 60
const SECONDS_MAX = 4

/** Somebody who types to everybody, from all devices, as often as a socket may say something. */
export const attack: Attack = {
  name: 'typing floods',
  async run(target, random) {
    const receivers = [target.scene.victimId, random.integer(1, ATTACKER_COUNT)]
    const frames = Array.from({ length: random.integer(1, FRAMES_MAX) }, (_, at) =>
      eventFrame('chat:typing', { receiver_id: random.pick(receivers), is_typing: at % 2 === 0 }),
    )
    const open = () => target.openSocket()
    const wires = await target.openMany(random.integer(1, SOCKETS_MAX), open)
    const seconds = random.integer(1, SECONDS_MAX)
    for (let second = 0; second < seconds; second += 1) {
      for (const wire of wires) wire.write(Buffer.concat(frames))
      await target.pause(1_000)
    }
  },
}
