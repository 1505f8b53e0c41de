/** One answer, of those that came over a connection. */
export interface ReceivedAnswer {
  status: number
  headers: Headers
  body: string
}

/** What a server sent over one connection: answers and, once it is a socket, frames. */
export interface Received {
  answers: ReceivedAnswer[]
  /** The texts of the frames. */
  texts: string[]
  closeCode: number | undefined
}

const HEAD_END = '\r\n\r\n'
const SWITCHING = 101
const [TEXT, CLOSE] = [1, 8]

/**
 * Takes apart what a server sent, as far as it is complete.
 *
 * @param method of the first request: what answers HEAD has no body, whatever its length
 */
export function parseReceived(bytes: Buffer, method: string | undefined): Received {
  const answers: ReceivedAnswer[] = []
  let rest = bytes
  for (;;) {
    const headEnd = rest.indexOf(HEAD_END)
    if (headEnd === -1) return { answers, texts: [], closeCode: undefined }
    const { status, headers } = parseHead(rest.toString('latin1', 0, headEnd))
    rest = rest.subarray(headEnd + HEAD_END.length)
    const hasNone = answers.length === 0 && method === 'HEAD'
    const taken = hasNone ? NO_BODY : takeBody(rest, headers)
    if (taken === undefined) return { answers, texts: [], closeCode: undefined }
    answers.push({ status, headers, body: taken.body })
    rest = rest.subarray(taken.bytes)
    if (status === SWITCHING) return { answers, ...parseFrames(rest) }
  }
}

function parseHead(head: string): { status: number; headers: Headers } {
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = new Headers(lines.map((line) => line.split(/: (.*)/, 2) as [string, string]))
  return { status: Number(statusLine.split(' ')[1]), headers }
}

interface TakenBody {
  body: string
  /** On the wire. */
  bytes: number
}

const NO_BODY: TakenBody = { body: '', bytes: 0 }

/** Undefined while it is not complete. */
function takeBody(rest: Buffer, headers: Headers): TakenBody | undefined {
  if (headers.get('Transfer-Encoding') === 'chunked') return takeChunks(rest)
  const bytes = Number(headers.get('Content-Length') ?? 0)
  return rest.length < bytes ? undefined : { body: rest.toString('utf8', 0, bytes), bytes }
}

function takeChunks(rest: Buffer): TakenBody | undefined {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const sizeEnd = rest.indexOf('\r\n', at)
    if (sizeEnd === -1) return undefined
    const size = Number.parseInt(rest.toString('latin1', at, sizeEnd), 16)
    const start = sizeEnd + 2
    at = start + size + 2
    if (rest.length < at) return undefined
    if (size === 0) return { body: String(Buffer.concat(chunks)), bytes: at }
    chunks.push(rest.subarray(start, start + size))
  }
}

/** A server's frames: in one piece and without a mask (RFC 6455, section 5.2). */
function parseFrames(bytes: Buffer): Pick<Received, 'texts' | 'closeCode'> {
  const texts: string[] = []
  let closeCode: number | undefined
  let rest = bytes
  for (;;) {
    const { headerBytes, length } = parseFrameHeader(rest)
    if (rest.length < headerBytes + length) return { texts, closeCode }
    const payload = rest.subarray(headerBytes, headerBytes + length)
    const opcode = (rest[0] as number) & 0xf
    if (opcode === TEXT) texts.push(payload.toString())
    if (opcode === CLOSE && length >= 2) closeCode = payload.readUInt16BE()
    rest = rest.subarray(headerBytes + length)
  }
}

/** Of what is too short for a header, a longer one than there is. */
function parseFrameHeader(bytes: Buffer): { headerBytes: number; length: number } {
  const [, short = 0] = bytes
  const headerBytes = short === 127 ? 10 : short === 126 ? 4 : 2
  if (bytes.length < headerBytes) return { headerBytes, length: 0 }
  if (short === 127) return { headerBytes, length: Number(bytes.readBigUInt64BE(2)) }
  return { headerBytes, length: short === 126 ? bytes.readUInt16BE(2) : short }
}
