import type { Attack } from '../attack.ts'
import { ENDPOINTS, head, JSON_TYPE, OPEN_ROUTES } from '../request.ts'

const METHODS = [
  ...['OPTIONS', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'CONNECT', 'PROPFIND', 'M-SEARCH'],
  ...['GET', 'POST', 'get', 'X'],
]
const REQUESTS_MAX = 20

/** Methods that nobody asked for, with bodies, and clients that wait to be told to go on. */
export const attack: Attack = {
  name: 'odd methods',
  async run(target, random) {
    const requests = random.integer(1, REQUESTS_MAX)
    for (let count = 0; count < requests; count += 1) {
      const wire = random.next() < 0.8 ? await target.openApi() : await target.openDaemon()
      const path = random.pick([...ENDPOINTS, ...OPEN_ROUTES, '/', '/uploads/', '*'])
      const bytes = random.pick([0, 1, 1_000, 100_000])
      const headers = {
        ...target.headers,
        ...JSON_TYPE,
        'Content-Length': String(bytes),
        ...random.pick([{}, { Expect: '100-continue' }, { Expect: 'x' }, { TE: 'trailers' }]),
        ...random.pick([{}, { Origin: 'https://evil.example' }, { Origin: 'null' }]),
      }
      wire.write(head(random.pick(METHODS), path, headers))
      if (random.next() < 0.7) wire.write('x'.repeat(bytes))
      await wire.whenClosed(random.integer(0, 300))
      wire.hangUp()
    }
  },
}
