import type { IncomingMessage, ServerResponse } from 'node:http'
import { isObject } from '../chat/json.ts'
import { ChatError } from '../errors.ts'
import { type BodyRules, readBytes } from './body-bytes.ts'
import { Form } from './form.ts'
import { readMultipart } from './multipart.ts'
import { parseUrlencoded } from './urlencoded.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads the parameters of a request's query and, unless `rules` is undefined, of its body. A body
 * that is not read ends the connection, since nothing could follow it. Whatever comes of it, pass
 * the form's upload to `uploads.discard` in the end: that is a no-op for what was kept.
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

function readBody(request: IncomingMessage, form: Form, rules: BodyRules): Promise<void> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  switch (type) {
    case 'multipart/form-data':
      return readMultipart(request, form, rules)
    case 'application/x-www-form-urlencoded':
      return readFields(request, form, rules)
    case 'application/json':
    // The default of fetch() for a string: in practice, JSON.
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
  if (!isObject(body)) throw new ChatError('invalid', 'The body must be a JSON object')
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
