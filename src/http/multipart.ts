import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import busboy, { type FileInfo } from 'busboy'
import { ChatError } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import { type BodyRules, limited } from './body-bytes.ts'
import { type Form, tooLarge } from './form.ts'

/** Reads the fields into the form, and its file, if it has one, into the uploads. */
export async function readMultipart(
  request: IncomingMessage,
  form: Form,
  rules: BodyRules,
): Promise<void> {
  const { uploads, beginFile, textBytesMax } = rules
  const fileBytesMax = beginFile === undefined ? 0 : uploads.bytesMax
  const bytesMax = fileBytesMax + textBytesMax
  const parser = createParser(request, textBytesMax)
  const problem = collectFields(parser, form, rules)
  let receipt: Promise<void> | undefined
  parser.on('file', (name: string, stream: Readable, info: FileInfo) => {
    // A file that breaks off breaks the form off too, which is where it is told: unheard, the error
    // would end the process.
    stream.on('error', () => {})
    // Browsers send an empty, nameless file for a file input in which nothing was chosen.
    if (!info.filename) return void stream.resume()
    if (receipt !== undefined) {
      problem.add(tooManyFiles())
      return void stream.resume()
    }
    receipt = receiveFile(name, stream, form, rules).catch((error) => {
      problem.add(error)
      // A stream that broke off would hold the parser up for ever; one not yet read has to be.
      if (stream.destroyed && !stream.readableEnded) parser.destroy()
      else stream.resume()
    })
  })
  parser.on('filesLimit', () => problem.add(tooManyFiles()))
  try {
    await parse(limited(request, bytesMax), parser)
    await receipt
    problem.throwIfAny()
  } catch (error) {
    await receipt
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
  await beginFile(form)
  form.upload = await uploads.receive(name, stream)
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
        // File inputs, nearly all of them empty.
        files: limits.fields.max,
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
