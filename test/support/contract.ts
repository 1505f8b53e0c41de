import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

// What public/openapi.json and public/asyncapi.json say of an answer, a frame or a close code. They
// allow further properties, as a client has to; here one that they do not describe is a problem.

export interface Schema {
  properties?: Record<string, Schema & { const?: unknown }>
  [keyword: string]: unknown
}

type Referable<Type> = Type | { $ref: string }

interface MediaTypes {
  content?: Record<string, { schema: Schema; examples?: Record<string, { value: object }> }>
}

interface Response extends MediaTypes {
  headers?: Record<string, Referable<{ required?: boolean }>>
}

export interface Parameter {
  name: string
  in: string
  required?: boolean
  schema: Schema
}

export interface Operation {
  operationId: string
  parameters?: Referable<Parameter>[]
  requestBody?: MediaTypes
  responses: Record<string, Referable<Response>>
}

export interface OpenApi {
  info: { version: string }
  paths: Record<string, Record<string, Operation>>
  components: {
    parameters: Record<string, Parameter>
    responses: Record<string, Response>
    schemas: Record<string, Schema>
    securitySchemes: Record<string, { type: string; in?: string; name?: string }>
  }
}

export interface Message {
  payload: Schema
  examples?: { payload: { event: string; data?: Record<string, unknown> } }[]
}

interface SocketOperation {
  action: 'send' | 'receive'
  messages: { $ref: string }[]
  reply?: { messages: { $ref: string }[] }
}

export interface AsyncApi {
  info: { version: string }
  channels: {
    socket: {
      bindings: { ws: { query: Schema } }
      'x-close-codes': { code: number; why: string; reconnect: boolean }[]
    }
  }
  operations: Record<string, SocketOperation>
  components: { messages: Record<string, Message> }
}

/** An answer of the HTTP side, as a client got it. */
export interface Answered {
  method: string
  /** Without the query. */
  path: string
  status: number
  headers: Headers
  /** Of JSON, what it stands for. */
  body: unknown
}

/** Where the documents are for each other's references. */
const BASE = 'https://chat.example/'

export class Contract {
  readonly openapi: OpenApi
  readonly asyncapi: AsyncApi
  readonly #ajv: Ajv2020
  readonly #validators = new Map<string, ValidateFunction>()
  /** The server's messages by their events. */
  readonly #nameOf: Map<unknown, string>

  /** @param documents for a test of the checks; those of public/ are the default */
  constructor(documents: { openapi?: OpenApi; asyncapi?: AsyncApi } = {}) {
    this.openapi = documents.openapi ?? readDocument('openapi.json')
    this.asyncapi = documents.asyncapi ?? readDocument('asyncapi.json')
    // Each file of tests compiles them anew, and validates little: so it is made quick to compile.
    // test/contract/documents.test.ts checks the schemas themselves.
    const quick = { validateSchema: false, meta: false, inlineRefs: false }
    this.#ajv = new Ajv2020({ allowUnionTypes: true, code: { optimize: false }, ...quick })
    addFormats.default(this.#ajv)
    const keys = [this.openapi, this.asyncapi].flatMap(Object.keys)
    this.#ajv.addVocabulary([...new Set(keys)])
    this.#ajv.addSchema(closed(this.openapi), `${BASE}openapi.json`)
    this.#ajv.addSchema(closed(this.asyncapi), `${BASE}asyncapi.json`)
    const names = this.messagesOf('server')
    this.#nameOf = new Map(names.map((name) => [eventOf(this.message(name)), name]))
  }

  /** Says what the document does not describe of an answer; undefined when it describes all. */
  answerProblem(answer: Answered): string | undefined {
    const { method, path, status } = answer
    const problem = this.#problemOf(answer)
    if (problem === undefined) return undefined
    return `${method} ${path} was answered ${status} ${JSON.stringify(answer.body)}: ${problem}`
  }

  /** The same for a frame of the server. */
  frameProblem(frame: unknown): string | undefined {
    const name = this.#nameOf.get((frame as { event: unknown }).event) ?? 'pushed'
    const problem = this.violation(`asyncapi.json#/components/messages/${name}/payload`, frame)
    return problem === undefined ? undefined : `${JSON.stringify(frame)}: ${problem}`
  }

  /** The same for a close code of the server. */
  closeProblem(code: number): string | undefined {
    const codes = this.asyncapi.channels.socket['x-close-codes']
    return codes.some((one) => one.code === code) ? undefined : `closed with ${code}`
  }

  /**
   * Says how a value differs from a schema.
   *
   * @param pointer to it: '#/…' in openapi.json, or 'asyncapi.json#/…'
   */
  violation(pointer: string, value: unknown): string | undefined {
    const $ref = BASE + (pointer.startsWith('#') ? `openapi.json${pointer}` : pointer)
    const validate = this.#validators.get($ref) ?? this.#ajv.compile({ $ref })
    this.#validators.set($ref, validate)
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors)
  }

  /** The names of the messages that the server, or a client, sends. */
  messagesOf(sender: 'server' | 'client'): string[] {
    const operations = Object.values(this.asyncapi.operations)
    const sent = operations.flatMap(({ action, messages, reply }) => {
      const isServers = action === 'send'
      if (sender === 'client') return isServers ? [] : messages
      return isServers ? messages : (reply?.messages ?? [])
    })
    return [...new Set(sent.map(({ $ref }) => $ref.split('/').at(-1) as string))]
  }

  message(name: string): Message {
    const message = this.asyncapi.components.messages[name]
    if (message === undefined) throw new Error(`asyncapi.json has no message ${name}`)
    return message
  }

  resolve<Type extends object>(part: Referable<Type>): Type {
    return this.#find(part).part
  }

  #problemOf(answer: Answered): string | undefined {
    const { method, status } = answer
    if (method === 'OPTIONS') return status === 204 ? undefined : 'not 204'
    const response = this.#responseTo(answer)
    if (response === undefined) {
      return this.#isOfPage(answer) ? undefined : 'this status is not described'
    }
    const { part, pointer } = this.#find(response.part, response.pointer)
    const missing = this.#requiredHeaders(part).filter((name) => !answer.headers.has(name))
    if (missing.length > 0) return `${missing} is missing`
    if (method === 'HEAD' || part.content === undefined) return undefined
    const type = answer.headers.get('Content-Type')?.split(';')[0] ?? ''
    const described = [type, '*/*'].find((one) => part.content?.[one] !== undefined)
    if (described === undefined) return `the type ${type} is not described`
    if (described !== 'application/json') return undefined
    return this.violation(`${pointer}/content/application~1json/schema`, answer.body)
  }

  #responseTo({ method, path, status }: Answered): Found<Referable<Response>> | undefined {
    const described = this.#described(path)
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase()
    const operation = described === undefined ? undefined : this.openapi.paths[described]?.[verb]
    if (described !== undefined && operation !== undefined) {
      const pointer = `#/paths/${escaped(described)}/${verb}/responses/${status}`
      const part = operation.responses[status]
      return part && { part, pointer }
    }
    const anywhere: Record<number, string> = { 404: 'NotFound', 405: 'MethodNotAllowed' }
    const name = anywhere[status]
    return name === undefined ? undefined : this.#find({ $ref: `#/components/responses/${name}` })
  }

  /** Pages, and what they load, are no part of the document. */
  #isOfPage({ path, status }: Answered): boolean {
    return this.#described(path) === undefined && (status < 400 || [412, 416].includes(status))
  }

  /** A path as the document has it. */
  #described(path: string): string | undefined {
    if (Object.hasOwn(this.openapi.paths, path)) return path
    return path.startsWith('/uploads/') ? '/uploads/{path}' : undefined
  }

  #requiredHeaders({ headers = {} }: Response): string[] {
    const isRequired = (header: Referable<{ required?: boolean }>) => this.resolve(header).required
    return Object.keys(headers).filter((name) =>
      isRequired(headers[name] as { required?: boolean }),
    )
  }

  #find<Type extends object>(part: Referable<Type>, pointer = ''): Found<Type> {
    if (!('$ref' in part)) return { part, pointer }
    const [, ...keys] = part.$ref.split('/')
    // biome-ignore lint/suspicious/noExplicitAny: a reference leads to whatever its place requires
    const found = keys.reduce((within: any, key) => within?.[key], this.openapi)
    if (found === undefined) throw new Error(`${part.$ref} leads nowhere`)
    return { part: found, pointer: part.$ref }
  }
}

interface Found<Type> {
  part: Type
  pointer: string
}

export function eventOf({ payload }: Message): unknown {
  return payload.properties?.event?.const
}

function readDocument<Document>(name: string): Document {
  return JSON.parse(readFileSync(new URL(`../../public/${name}`, import.meta.url), 'utf8'))
}

function escaped(path: string): string {
  return encodeURIComponent(path.replaceAll('~', '~0').replaceAll('/', '~1'))
}

/** The same document, whose objects have no other properties than those it describes. */
function closed<Part>(part: Part): Part {
  if (typeof part !== 'object' || part === null) return part
  if (Array.isArray(part)) return part.map(closed) as Part
  const entries = Object.entries(part).map(([key, value]) => [key, closed(value)])
  const isObjectSchema = 'type' in part && part.type === 'object' && 'properties' in part
  return Object.fromEntries(
    isObjectSchema ? [...entries, ['additionalProperties', false]] : entries,
  )
}
