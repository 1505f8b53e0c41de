import { expect, TestRunner } from 'vitest'
import { type ClientOptions, WebSocket } from 'ws'
import { type Answered, Contract } from './contract.ts'

// The seam where each answer, frame and close code that a test gets is held against openapi.json
// and asyncapi.json. One that they do not describe fails the test, which goes on meanwhile: it may
// have come deep inside a client that would only try again.

/** What the client of a test says, or sees where nothing was said: no server sends these. */
const CODES_OF_CLIENTS = [1000, 1005, 1006]

let contract: Contract | undefined

/** Read on first use: most files of tests ask for nothing. */
function theContract(): Contract {
  contract ??= new Contract()
  return contract
}

export function expectDescribed(answer: Answered): void {
  expectNone(theContract().answerProblem(answer))
}

export function expectFrameDescribed(frame: unknown): void {
  expectNone(theContract().frameProblem(frame))
}

export function expectCloseDescribed(code: number): void {
  if (CODES_OF_CLIENTS.includes(code)) return
  expectNone(theContract().closeProblem(code))
}

/** What closes when its test is over has no test to fail. */
function expectNone(problem: string | undefined): void {
  if (TestRunner.getCurrentTest() !== undefined) expect.soft(problem).toBeUndefined()
}

export const describedFetch: typeof fetch = async (input, init = {}) => {
  const response = await fetch(input, init)
  const { status, headers, url } = response
  const { method = 'GET' } = init
  const isJson = headers.get('Content-Type')?.startsWith('application/json') && method !== 'HEAD'
  const body = isJson ? await response.clone().json() : undefined
  expectDescribed({ method, path: new URL(url).pathname, status, headers, body })
  return response
}

/** As WebSocket, of the package `ws`. */
export class DescribedSocket extends WebSocket {
  constructor(url: string, protocols: string[] = [], options: ClientOptions = {}) {
    super(url, protocols, options)
    this.on('message', (data) => expectFrameDescribed(JSON.parse(String(data))))
    this.on('close', expectCloseDescribed)
  }
}
