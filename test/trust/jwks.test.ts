import type { RequestListener } from 'node:http'
import { expect, test } from 'vitest'
import { PublishedKeys } from '../../src/auth/jwks.ts'
import { createLog } from '../../src/log.ts'
import {
  askApi,
  askDaemon,
  claimsOf,
  keySet,
  LISTED,
  signedWithKey,
  startWebApplication,
} from '../support/auth.ts'
import { get } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat } from '../support/in-process.ts'
import { waitFor } from '../support/wait.ts'

const SELF = 5
const UNCHECKED = '503 Logins cannot be checked at the moment. Please try again.'
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

const publish: RequestListener = (_request, response) => {
  response.end(JSON.stringify(keySet()))
}
const goDown: RequestListener = (request) => {
  request.socket.destroy()
}

/** A key server that answers as it is told to, and counts how often it is asked. */
async function startKeyServer() {
  const server = { url: '', asked: 0, answer: publish }
  server.url = await startWebApplication((request, response) => {
    server.asked += 1
    server.answer(request, response)
  })
  return server
}

function bearer(kid = 'issuer') {
  const token = signedWithKey(claimsOf(SELF), undefined, { kid })
  return { authorization: `Bearer ${token}` }
}

test('a made-up key is its token’s fault while the key server is away, and not the service’s', async () => {
  const server = await startKeyServer()
  const { api, daemon } = await startChat({ CHAT_AUTH: 'jwt', CHAT_JWKS_URL: server.url })
  expect(await askApi(api.url, SELF, bearer())).toBe(LISTED)
  expect(await askDaemon(daemon.url, SELF, bearer())).toBe('connected as 5')
  server.answer = goDown

  for (let count = 1; count <= 20; count += 1) {
    const made = bearer(`made-up-${count}`)
    expect(await askApi(api.url, SELF, made)).toBe('401 The token is not valid')
    expect(await askDaemon(daemon.url, SELF, made)).toBe('4401 The token is not valid')
  }

  expect((await get(`${api.url}/health`)).status).toBe(200)
  expect(await askApi(api.url, SELF, bearer())).toBe(LISTED)
  // Once by each of the two programs.
  expect(server.asked).toBe(2)
})

test('without any keys nobody can be checked; the key server is left in peace, the log too', async () => {
  const server = await startKeyServer()
  server.answer = goDown
  const settings = { CHAT_AUTH: 'jwt', CHAT_JWKS_URL: server.url }
  const { api, daemon } = await startChat(settings)
  const startedAt = performance.now()

  for (let count = 1; count <= 20; count += 1) {
    expect(await askApi(api.url, SELF, bearer(`made-up-${count}`))).toBe(UNCHECKED)
    expect(await askDaemon(daemon.url, SELF, bearer())).toMatch(/^1011 /)
  }

  const seconds = (performance.now() - startedAt) / 1_000
  expect(server.asked).toBeLessThanOrEqual(2 * (1 + Math.ceil(seconds / 2)))
  await Promise.all([api.program.stop(), daemon.program.stop()])
  for (const { output } of [api.program, daemon.program]) {
    expect(output.match(/The keys at CHAT_JWKS_URL cannot be fetched: .*\n/g)).toHaveLength(1)
    expect(output).not.toMatch(/^ +at /m)
  }
})

test('a key server that comes back is asked again, and tokens are taken', async () => {
  const server = await startKeyServer()
  server.answer = goDown
  const settings = { CHAT_AUTH: 'jwt', CHAT_JWKS_URL: server.url }
  const { program, url } = await startApi(temporaryFolder(), settings)
  expect(await askApi(url, SELF, bearer())).toBe(UNCHECKED)
  server.answer = publish

  const isListed = async () => (await askApi(url, SELF, bearer())) === LISTED
  await waitFor(isListed, 'the key server to be asked again')

  await program.stop()
  expect(program.output).toContain('The keys at CHAT_JWKS_URL can be fetched again')
})

/** The keys alone, at times that the test chooses. */
async function setUp() {
  const server = await startKeyServer()
  const lines: string[] = []
  const clock = { now: 0 }
  const log = createLog('text', (line) => void lines.push(line))
  const keys = new PublishedKeys(server.url, log, () => clock.now)
  /** 'found', or the code of the error. */
  const find = async (kid = 'issuer') => {
    const token = { payload: '', signature: '' }
    try {
      await keys.find({ alg: 'RS256', kid }, token)
      return 'found'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const advance = (ms: number) => {
    clock.now += ms
  }
  return { server, lines, find, advance }
}

const UNKNOWN = 'ERR_JWKS_NO_MATCHING_KEY'

test('an unknown key is looked for at most every 30 s, whether or not the key server answers', async () => {
  const { server, find, advance } = await setUp()
  expect(await find()).toBe('found')
  advance(30 * SECOND - 1)
  for (const kid of ['a', 'b', 'c']) expect(await find(kid)).toBe(UNKNOWN)
  expect(server.asked).toBe(1)
  advance(1)
  for (const kid of ['a', 'b', 'c']) expect(await find(kid)).toBe(UNKNOWN)
  expect(server.asked).toBe(2)

  server.answer = goDown
  advance(30 * SECOND)
  const answers = await Promise.all(['a', 'b', 'c'].map(find))
  expect(answers).toEqual([UNKNOWN, UNKNOWN, UNKNOWN])
  expect(server.asked).toBe(3)
})

test('a key that is new is found', async () => {
  const { server, find, advance } = await setUp()
  server.answer = (_request, response) => {
    response.end('{"keys": []}')
  }
  expect(await find()).toBe(UNKNOWN)
  server.answer = publish
  advance(30 * SECOND)
  expect(await find()).toBe('found')
})

test('a key that is published no longer is refused after ten minutes', async () => {
  const { server, find, advance } = await setUp()
  expect(await find()).toBe('found')
  server.answer = (_request, response) => {
    response.end('{"keys": []}')
  }
  advance(10 * MINUTE - 1)
  expect(await find()).toBe('found')
  advance(1)
  expect(await find()).toBe(UNKNOWN)
})

test('keys stay in use for a day without the key server, and no longer', async () => {
  const { server, lines, find, advance } = await setUp()
  expect(await find()).toBe('found')
  server.answer = goDown
  for (let hours = 1; hours < 24; hours += 1) {
    advance(HOUR)
    expect([hours, await find()]).toEqual([hours, 'found'])
  }
  advance(HOUR - 1)
  expect(await find()).toBe('found')
  advance(1)
  expect(await find()).toBe('unavailable')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('the old ones stay in use')

  server.answer = publish
  advance(2 * SECOND)
  expect(await find()).toBe('found')
  expect(lines).toHaveLength(2)
})
