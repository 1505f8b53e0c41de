import type { Random } from '../../faults/random.ts'
import type { Attack } from '../attack.ts'
import { head } from '../request.ts'

const REQUESTS_MAX = 20
const RANGES_MAX = 1_000

/** Files in pieces: thousands of them, overlapping, backwards, beyond the end. */
export const attack: Attack = {
  name: 'odd ranges',
  async run(target, random) {
    const wire = await target.openApi()
    const requests = random.integer(1, REQUESTS_MAX)
    for (let count = 0; count < requests && wire.isOpen; count += 1) {
      const path = random.pick(['/build/react.js.map', '/', target.scene.mediaPath])
      const headers = { ...target.headers, Range: composeRange(random) }
      await wire.ask(head(random.pick(['GET', 'GET', 'HEAD']), path, headers), 2_000)
    }
  },
}

function composeRange(random: Random): string {
  const count = random.integer(1, RANGES_MAX)
  const range = () => `${random.integer(0, 100)}-${random.integer(0, 2_000_000)}`
  return random.pick([
    `bytes=${range()}`,
    `bytes=${Array.from({ length: count }, () => '0-0').join()}`,
    `bytes=${Array.from({ length: Math.ceil(count / 2) }, range).join()}`,
    'bytes=-1',
    'bytes=99999999999999999999-',
    'bytes=5-1',
    `${'x'.repeat(count)}=0-1`,
  ])
}
