import fc from 'fast-check'
import { socketAttack } from '../../support/frames.ts'
import type { Attack } from '../attack.ts'
import { withHeaders } from '../with-headers.ts'

const SOCKETS = 12
const PATIENCE_MS = 250

/** An upgrade, mostly a good one, and frames in the same piece: odd events, opcodes, lengths, masks. */
export const attack: Attack = {
  name: 'random frames',
  async run(target, random) {
    const seed = random.integer(0, 2 ** 31 - 1)
    const upgrades = fc.sample(socketAttack, { seed, numRuns: SOCKETS })
    const open = () => (random.next() < 0.9 ? target.openDaemon() : target.openApi())
    const wires = await target.openMany(SOCKETS, open)
    for (const [index, wire] of wires.entries()) {
      wire.write(withHeaders(upgrades[index] as Buffer, target.headers))
    }
    await target.pause(PATIENCE_MS)
    for (const wire of wires) wire.halfClose()
    await Promise.all(wires.map((wire) => wire.whenClosed(random.integer(0, 2_000))))
  },
}
