import type { Random } from '../../faults/random.ts'
import type { Attack } from '../attack.ts'
import { ENDPOINTS, fileStart, head, JSON_TYPE, MULTIPART_TYPE, OPEN_ROUTES } from '../request.ts'
import type { Target } from '../target.ts'

const JSON_BYTES = 2_000_000
const FILE_BYTES_MAX = 9_000_000
const CONNECTIONS_MAX = 16
const SILENCE_MS_MAX = 5_000

/** Bodies of megabytes, to any route by any method, of which the last byte never comes. */
export const attack: Attack = {
  name: 'bodies without end',
  async run(target, random) {
    const open = () => target.openApi()
    const wires = await target.openMany(random.integer(1, CONNECTIONS_MAX), open)
    const body = composeBody(target, random)
    await Promise.all(
      wires.map(async (wire) => {
        wire.write(body.head)
        await wire.send(body.content)
        await wire.whenClosed(random.integer(0, SILENCE_MS_MAX))
      }),
    )
  },
}

function composeBody(target: Target, random: Random) {
  const method = random.pick(['POST', 'POST', 'HEAD', 'GET', 'OPTIONS', 'PUT'])
  const path = random.pick([...ENDPOINTS, ...OPEN_ROUTES, '/', '/uploads/x.png'])
  const isFile = random.next() < 0.4
  const type = isFile ? MULTIPART_TYPE : JSON_TYPE
  const content = isFile ? composeFile(target, random) : Buffer.alloc(JSON_BYTES - 1, '{"x":"')
  const length = random.pick([
    { 'Content-Length': String(content.length + 1) },
    { 'Transfer-Encoding': 'chunked' },
  ])
  const chunk = 'Transfer-Encoding' in length ? `${(content.length + 1).toString(16)}\r\n` : ''
  return { head: head(method, path, { ...target.headers, ...type, ...length }) + chunk, content }
}

function composeFile({ userId }: Target, random: Random): Buffer {
  const start = fileStart('image', { sender_id: userId, receiver_id: 2 })
  return Buffer.concat([Buffer.from(start), Buffer.alloc(random.integer(1, FILE_BYTES_MAX), 'x')])
}
