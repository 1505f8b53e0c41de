import { Contract, eventOf } from '../support/contract.ts'
import type { Received, ReceivedAnswer } from '../support/received.ts'

export type Door = 'api' | 'daemon'

export interface Attack {
  door: Door
  bytes: Buffer
}

type Request = Pick<Parameters<Contract['answerProblem']>[0], 'method' | 'path'>

/** What Node's parser rejects, before any of our code sees it. */
const REJECTED_BY_NODE = [400, 408, 413, 417, 431]
/** What asyncapi.json says of requests that open no WebSocket. */
const NO_SOCKET = [400, 405, 426, 429]
const INTERIM = [100, 101]

/** Finds in what attacks are sent what openapi.json and asyncapi.json do not describe. */
export class Outcomes {
  readonly #contract = new Contract()
  readonly #operations: Request[]
  readonly #events: string[]
  /** Events that an attack has pushed: their data is the attack's. */
  readonly #pushed = new Set<string>()

  constructor() {
    const { openapi } = this.#contract
    this.#operations = Object.entries(openapi.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => ({ method: method.toUpperCase(), path })),
    )
    const messages = this.#contract.messagesOf('server').map((name) => this.#contract.message(name))
    this.#events = messages.map(eventOf).filter((event) => typeof event === 'string')
  }

  /** Call for each attack, before it is sent. */
  expect({ bytes }: Attack): void {
    if (!bytes.includes('chat_websocket_broadcast')) return
    const text = bytes.toString('latin1').replaceAll(/%3a/gi, ':')
    for (const event of this.#events) if (text.includes(event)) this.#pushed.add(event)
  }

  problems({ door, bytes }: Attack, { answers, texts, closeCode }: Received): string[] {
    const ofAnswers = answers.map((answer, index) =>
      this.#answerProblem(door, answer, index === 0 ? requestOf(bytes) : undefined),
    )
    const ofFrames = texts.map((text) => this.#frameProblem(JSON.parse(text)))
    const ofClose = closeCode === undefined ? undefined : this.#contract.closeProblem(closeCode)
    return [...ofAnswers, ...ofFrames, ofClose].filter((problem) => problem !== undefined)
  }

  /** @param request undefined where it cannot be told: any operation may answer so then */
  #answerProblem(
    door: Door,
    { status, headers, body }: ReceivedAnswer,
    request: Request | undefined,
  ): string | undefined {
    const isOfNode = REJECTED_BY_NODE.includes(status) && !headers.has('Content-Type')
    if (INTERIM.includes(status) || (isOfNode && body === '')) return undefined
    const isJson = headers.get('Content-Type')?.startsWith('application/json')
    const answer = { status, headers, body: isJson && body !== '' ? JSON.parse(body) : body }
    if (door === 'daemon' && !isJson) return socketProblem(answer, request)
    const candidates = request === undefined ? this.#operations : [request]
    const problems = candidates.map((one) => this.#contract.answerProblem({ ...one, ...answer }))
    return problems.includes(undefined) ? undefined : problems[0]
  }

  #frameProblem(frame: { event: string }): string | undefined {
    return this.#pushed.has(frame.event) ? undefined : this.#contract.frameProblem(frame)
  }
}

/** The request that bytes begin with; undefined where they begin with none. */
export function requestOf(bytes: Buffer): Request | undefined {
  const [line = ''] = bytes.toString('latin1', 0, 8_192).trimStart().split('\r\n', 1)
  const [, method, path] = /^([A-Z]+) ([^ ?]*)(?:\?\S*)? HTTP\/1\.1$/.exec(line) ?? []
  return method === undefined || path === undefined ? undefined : { method, path }
}

function socketProblem(
  { status, body }: { status: number; body: unknown },
  request: Request | undefined,
): string | undefined {
  const isMetrics = request?.path === '/metrics' && status === 200
  if (isMetrics || NO_SOCKET.includes(status)) return undefined
  return `${request?.method} ${request?.path} at the daemon's port: ${status} ${body}`
}
