import type { Attack } from '../attack.ts'
import { COSTLY_JSON, ENDPOINTS, OPEN_ROUTES, post } from '../request.ts'

const BYTES_MAX = 2 * 1024 * 1024
const CONNECTIONS_MAX = 4

/** Bodies that cost their reader more than they look like: very deep, or of very many keys. */
export const attack: Attack = {
  name: 'costly JSON',
  async run(target, random) {
    const compose = random.pick(Object.values(COSTLY_JSON))
    const path = random.pick([...ENDPOINTS, ...OPEN_ROUTES])
    const body = compose(random.pick([BYTES_MAX, random.integer(1_000, BYTES_MAX)]))
    const request = post(path, body, target.headers)
    const open = () => target.openApi()
    const wires = await target.openMany(random.integer(1, CONNECTIONS_MAX), open)
    await Promise.all(wires.map((wire) => wire.ask(request)))
  },
}
