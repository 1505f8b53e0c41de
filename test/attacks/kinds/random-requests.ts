import fc from 'fast-check'
import { httpAttack } from '../../support/attacks.ts'
import type { Attack } from '../attack.ts'
import { withHeaders } from '../with-headers.ts'

const REQUESTS = 16
const PATIENCE_MS = 250

/** Nearly right requests: odd parameters, bodies that are not what they say, odd headers. */
export const attack: Attack = {
  name: 'random requests',
  async run(target, random) {
    const seed = random.integer(0, 2 ** 31 - 1)
    const requests = fc.sample(httpAttack, { seed, numRuns: REQUESTS })
    const wires = await target.openMany(REQUESTS, () => target.openApi())
    for (const [index, wire] of wires.entries()) {
      wire.write(withHeaders(requests[index] as Buffer, target.headers))
    }
    await target.pause(PATIENCE_MS)
    for (const wire of wires) wire.halfClose()
    await Promise.all(wires.map((wire) => wire.whenClosed(random.integer(0, 2_000))))
  },
}
