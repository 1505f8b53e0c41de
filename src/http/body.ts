import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import busboy, { type FileInfo } from 'busboy'
import { ChatError } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import type { Share } from '../limits/quota.ts'
import type { Uploads } from '../media/uploads.ts'
import { Form, tooLarge } from './form.ts'
import { parseUrlencoded } from './urlencoded.ts'

/** File inputs in a form, nearly all of them empty. */
const FILES_MAX = limits.fields.max
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** What a request may send. */
export interface BodyRules {
  /** Bytes of a JSON or urlencoded body, and of a multipart one beside its file. */
  textBytesMax: number
  /** What the body takes of the memory that all share; the caller releases it. */
  memory: Share
  /**
   * Called when a file begins, with the fields before it and before any of it is kept. Resolves with
   * the file's share, which is released when the file is there. Undefined where no file is taken.
   */
  beginFile: ((form: Form) => Promise<Share>) | undefined
  uploads: Uploads
}

/**
 * Reads the parameters of a request's query and, unless `rules` is undefined, of its body. A body that
 * is not read ends the connection, since nothing could follow it. Whatever comes of it, pass the
 * form's upload to `uploads.discard` in the end: that is a no-op for what was kept.
 *
 * @throws ChatError `invalid`, `too_large`, `unsupported_type`, or as `beginFile` does; nothing is
 *   left on the disk then
 */
export async function readForm(
  request: IncomingMessage,
  response: ServerResponse,
  query: string,
  rules: BodyRules | undefined,
): Promise<Form> {
  const form = new Form(query === '' ? undefined : formOf(query))
  if (!hasBody(request)) return form
  if (rules === undefined) {
    response.setHeader('Connection', 'close')
  } else {
    if (request.headers.expect !== undefined) response.writeContinue()
    await readBody(request, form, rules)
  }
  return form
}

function formOf(query: string): Form {
  const form = new Form()
  for (const [name, value] of parseUrlencoded(query)) form.set(name, value)
  return form
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return request.headers['transfer-encoding'] !== undefined || Number(length ?? 0) > 0
}

async function readBody(request: IncomingMessage, form: Form, rules: BodyRules): Promise<void> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  switch (type) {
    case 'multipart/form-data':
      return readMultipart(request, form, rules)
    case 'application/x-www-form-urlencoded':
      return readFields(request, form, rules)
    case 'application/json':
    // What fetch() says of a string when nobody tells it otherwise: in practice, JSON.
    case 'text/plain':
    case '':
      return readJson(request, form, rules)
    default:
      throw new ChatError(
        'unsupported_type',
        'Send application/json, application/x-www-form-urlencoded or multipart/form-data',
      )
  }
}

async function readJson(request: IncomingMessage, form: Form, rules: BodyRules): Promise<void> {
  const body = parseJson(await readText(request, rules))
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ChatError('invalid', 'The body must be a JSON object')
  }
  for (const [name, value] of Object.entries(body)) form.set(name, value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ChatError('invalid', 'The body is not valid JSON')
  }
}

async function readFields(request: IncomingMessage, form: Form, rules: BodyRules): Promise<void> {
  for (const [name, value] of parseUrlencoded(await readText(request, rules))) form.set(name, value)
}

async function readText(request: IncomingMessage, rules: BodyRules): Promise<string> {
  const bytes = await readBytes(request, rules)
  try {
    return UTF8.decode(bytes)
  } catch {
    throw new ChatError('invalid', 'The body is not valid UTF-8')
  }
}

/** By events, not through a stream: it is what every send waits for, and most come in one piece. */
function readBytes(
  request: IncomingMessage,
  { textBytesMax: bytesMax, memory }: BodyRules,
): Promise<Buffer> {
  refuseLonger(request, bytesMax)
  const chunks: Buffer[] = []
  let bytes = 0
  return new Promise((resolve, reject) => {
    const requestOnData = (chunk: Buffer) => {
      try {
        bytes += chunk.length
        if (bytes > bytesMax) throw tooLong(bytesMax)
        memory.take(chunk.length)
        chunks.push(chunk)
      } catch (error) {
        request.off('data', requestOnData)
        chunks.length = 0
        reject(error)
      }
    }
    request.on('data', requestOnData)
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('close', () => {
      if (!request.complete) reject(cutShort())
    })
  })
}

async function readMultipart(
  request: IncomingMessage,
  form: Form,
  rules: BodyRules,
): Promise<void> {
  const { uploads, beginFile, textBytesMax } = rules
  const fileBytesMax = beginFile === undefined ? 0 : uploads.bytesMax
  const bytesMax = fileBytesMax + textBytesMax
  const parser = createParser(request, textBytesMax)
  const problem = collectFields(parser, form, rules)
  const receipts: Promise<void>[] = []
  parser.on('file', (name: string, stream: Readable, info: FileInfo) => {
    // A file that breaks off breaks the form off too, which is where it is told: unheard, the error
    // would end the process.
    stream.on('error', () => {})
    // Browsers send an empty, nameless file for a file input in which nothing was chosen.
    if (!info.filename) return void stream.resume()
    if (receipts.length > 0) {
      problem.add(tooManyFiles())
      return void stream.resume()
    }
    const receipt = receiveFile(name, stream, form, rules).catch((error) => {
      problem.add(error)
      // A stream that broke off would hold the parser up for ever; one not yet read has to be.
      if (stream.destroyed && !stream.readableEnded) parser.destroy()
      else stream.resume()
    })
    receipts.push(receipt)
  })
  parser.on('filesLimit', () => problem.add(tooManyFiles()))
  try {
    await parse(limited(request, bytesMax), parser)
    await Promise.all(receipts)
    problem.throwIfAny()
  } catch (error) {
    await Promise.all(receipts)
    await uploads.discard(form.upload)
    throw problem.first instanceof ChatError ? problem.first : error
  }
}

async function receiveFile(
  name: string,
  stream: Readable,
  form: Form,
  { beginFile, uploads }: BodyRules,
): Promise<void> {
  if (beginFile === undefined) throw new ChatError('invalid', 'No file is taken here')
  if (name !== 'image' && name !== 'voice') {
    throw new ChatError('invalid', 'A file must be sent as image or voice')
  }
  const share = await beginFile(form)
  try {
    form.upload = await uploads.receive(name, stream)
  } finally {
    share.release()
  }
}

function tooManyFiles(): ChatError {
  return new ChatError('invalid', 'A message takes one file: image or voice')
}

function createParser(request: IncomingMessage, fieldBytesMax: number): busboy.Busboy {
  try {
    return busboy({
      headers: request.headers,
      defParamCharset: 'utf8',
      // A file called '..' is a file; only one without a name is none.
      preservePath: true,
      limits: {
        // One more than the form takes, so that it sees, and says, what is too much.
        fields: limits.fields.max + 1,
        fieldSize: fieldBytesMax + 1,
        files: FILES_MAX,
      },
    })
  } catch {
    throw new ChatError('invalid', 'The Content-Type header is malformed')
  }
}

/**
 * The first thing that is wrong with a form. It is thrown when the body has been read to its end, not
 * before: a parser that is stopped halfway leaves the client writing into the void.
 */
class Problem {
  first: unknown

  add(error: unknown): void {
    this.first ??= error
  }

  catch(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.add(error)
    }
  }

  throwIfAny(): void {
    if (this.first !== undefined) throw this.first
  }
}

function collectFields(parser: busboy.Busboy, form: Form, rules: BodyRules): Problem {
  const { textBytesMax, memory } = rules
  const problem = new Problem()
  let bytes = 0
  parser.on('field', (name: string | undefined, value: string | undefined) => {
    problem.catch(() => {
      if (name === undefined || value === undefined) {
        throw new ChatError('invalid', 'A parameter has no name, or an unknown charset')
      }
      if (problem.first !== undefined) return
      const fieldBytes = Buffer.byteLength(value)
      bytes += fieldBytes
      if (bytes > textBytesMax) throw tooLarge('The form', `${textBytesMax} bytes`)
      memory.take(fieldBytes)
      form.set(name, value)
    })
  })
  parser.on('fieldsLimit', () => problem.add(tooLarge('The form', `${limits.fields.max} fields`)))
  return problem
}

async function parse(body: Readable, parser: busboy.Busboy): Promise<void> {
  try {
    await pipeline(body, parser)
  } catch (error) {
    if (error instanceof ChatError) throw error
    throw new ChatError('invalid', 'The body is malformed or incomplete', { cause: error })
  }
}

/** The request's body, failing with `too_large` as soon as it exceeds `bytesMax`. */
function limited(request: IncomingMessage, bytesMax: number): Readable {
  refuseLonger(request, bytesMax)
  let bytes = 0
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      bytes += chunk.length
      if (bytes > bytesMax) callback(tooLong(bytesMax))
      else callback(null, chunk)
    },
  })
  request.once('close', () => {
    if (!request.complete) counter.destroy(cutShort())
  })
  return request.pipe(counter)
}

function refuseLonger(request: IncomingMessage, bytesMax: number): void {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLong(bytesMax)
}

function tooLong(bytesMax: number): ChatError {
  return tooLarge('The request', `${bytesMax} bytes`)
}

function cutShort(): ChatError {
  return new ChatError('invalid', 'The request was cut short')
}
