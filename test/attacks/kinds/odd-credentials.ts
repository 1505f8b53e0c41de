import type { Random } from '../../faults/random.ts'
import type { Attack } from '../attack.ts'
import type { Headers } from '../mode.ts'
import { head, upgrade } from '../request.ts'

const TRIES_MAX = 30

/** Cookies and tokens that nobody gave out: keys that do not exist, algorithms, sizes, nonsense. */
export const attack: Attack = {
  name: 'odd credentials',
  async run(target, random) {
    const tries = random.integer(1, TRIES_MAX)
    for (let count = 0; count < tries; count += 1) {
      const isSocket = random.next() < 0.5
      const { headers, query } = composeCredentials(random)
      const asked = `user_id=${target.userId}${query}`
      const request = isSocket
        ? upgrade(asked, headers)
        : head('GET', `/get_conversations.php?${asked}`, headers)
      const wire = isSocket ? await target.openDaemon() : await target.openApi()
      await wire.ask(request, 3_000)
      wire.hangUp()
    }
  },
}

function composeCredentials(random: Random): { headers: Headers; query: string } {
  const token = composeToken(random)
  return random.pick([
    { headers: { Authorization: `Bearer ${token}` }, query: '' },
    { headers: { Authorization: random.pick(['Bearer', 'Basic Og==', token]) }, query: '' },
    { headers: { 'Sec-WebSocket-Protocol': `chat, bearer.${token}` }, query: '' },
    { headers: {}, query: `&token=${token}` },
    { headers: { Cookie: composeCookie(random) }, query: '' },
  ])
}

function composeToken(random: Random): string {
  const text = 'x'.repeat(random.pick([1, 100, 5_000, 12_000]))
  const tokenHeader = {
    alg: random.pick(['HS256', 'RS256', 'none', 'HS512', 'ES256', text, 7]),
    typ: random.pick(['JWT', 'at+jwt', 'dpop+jwt', text, 1]),
    kid: random.pick(['issuer', 'unknown', '../../etc/passwd', text, { a: 1 }]),
    ...random.pick([{}, { crit: ['b64'] }, { b64: false }, { jku: 'http://127.0.0.1:1/' }]),
  }
  const claims = {
    sub: random.pick(['1', 1, 'admin', null, ['1'], text]),
    exp: random.pick([9e9, 0, -1, '9', 1e300, null]),
  }
  const parts = [tokenHeader, claims, random.pick(['', 'x', text])].map((part) =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url'),
  )
  return random.pick([parts.join('.'), `${parts[0]}.${parts[1]}`, `${parts[0]}..`, '.'.repeat(500)])
}

function composeCookie(random: Random): string {
  return random.pick([
    `PHPSESSID=${'x'.repeat(random.integer(1, 15_000))}`,
    'PHPSESSID=session999999999999999999',
    `PHPSESSID=${String.fromCharCode(random.integer(128, 255))}`,
    '\x7f',
    'a=1;'.repeat(random.integer(1, 3_000)),
    'PHPSESSID=session1; PHPSESSID=session2',
    '=',
  ])
}
