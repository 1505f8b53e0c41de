import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { DISCONNECT_EVENT } from '../../src/chat/rules.ts'
import { ChatError, type ErrorCode } from '../../src/errors.ts'
import { STATUS_OF } from '../../src/http/response.ts'
import { CLOSE, closeFor } from '../../src/websocket/close-codes.ts'
import { sourcesIn } from '../support/architecture.ts'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/auth.ts'
import { connect, sendText } from '../support/clients.ts'
import { Contract, eventOf } from '../support/contract.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startChat, startDaemon } from '../support/in-process.ts'
import { rows } from '../support/readme.ts'

// Nothing of the socket is missing from asyncapi.json, and nothing stands there that is not.

const contract = new Contract()
const { asyncapi } = contract
const SOURCES = fileURLToPath(new URL('../../src', import.meta.url))
const SERVER_SOURCES = sourcesIn(SOURCES).filter((file) => !/^(client|pages)\//.test(file))

test('the parameters of a socket are those that the handshake asks for', async () => {
  const settings = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET }
  const daemon = await startDaemon(temporaryFolder(), settings)
  const token = signedWithSecret(claimsOf(1))
  const asked = vi.spyOn(URLSearchParams.prototype, 'get')
  onTestFinished(() => asked.mockRestore())

  await connect(daemon.url, 1, { token })

  const { query } = asyncapi.channels.socket.bindings.ws
  const real = [...new Set(asked.mock.calls.flat())].sort()
  expect(Object.keys(query.properties ?? {}).sort()).toEqual(real)
})

test('each event that the code can send is described, and in the README', () => {
  const described = contract.messagesOf('server').map((name) => eventOf(contract.message(name)))
  const events = described.filter((event) => event !== undefined).sort()
  const inReadme = rows('| event | when | `data` |').map(([event]) => event?.replaceAll('`', ''))

  const names = namesIn(SERVER_SOURCES, /'(chat:\w+)'/g)
  const emitted = names.filter((name) => name !== DISCONNECT_EVENT)
  expect(events).toEqual([...emitted, 'error', 'pong'].sort())
  expect(events.filter((event) => event !== 'pong')).toEqual(inReadme.sort())
})

test('each frame that the code takes is described, and its examples are taken', async () => {
  const names = contract.messagesOf('client')
  const { api, daemon } = await startChat()
  await sendText(api.url, 2, 1, 'Hello')
  const socket = await connect(daemon.url, 1)

  for (const name of names) {
    const { examples = [] } = contract.message(name)
    expect(examples.length, name).toBeGreaterThan(0)
    for (const { payload } of examples) {
      const pointer = `asyncapi.json#/components/messages/${name}/payload`
      expect(contract.violation(pointer, payload)).toBeUndefined()
      socket.send(payload)
    }
  }
  await socket.settled()

  expect(socket.all('error')).toEqual([])
  const taken = namesIn(['websocket/client-frames.ts'], /case '([\w:]+)'/g)
  expect(names.map((name) => eventOf(contract.message(name))).sort()).toEqual(taken)
})

test('each property of a frame that the code takes is required', async () => {
  const daemon = await startDaemon(temporaryFolder())
  for (const name of contract.messagesOf('client')) {
    for (const { payload } of contract.message(name).examples ?? []) {
      for (const property of Object.keys(payload.data ?? {})) {
        const socket = await connect(daemon.url, 1)
        socket.send({ ...payload, data: { ...payload.data, [property]: undefined } })
        expect((await socket.event('error')).reason).toContain(`data.${property} must be`)
      }
    }
  }
})

test('each close code is described, and in the README', async () => {
  const described = asyncapi.channels.socket['x-close-codes'].map(({ code }) => code)
  const inReadme = rows('| code | why | reconnect? |').flatMap(([codes = '']) =>
    codes.split(', ').map(Number),
  )
  const ofErrors = Object.keys(STATUS_OF).map(
    (code) => closeFor(new ChatError(code as ErrorCode, '')).code,
  )
  const real = [...Object.values(CLOSE).map(({ code }) => code), ...ofErrors]

  expect(described).toEqual(inReadme.sort((a, b) => a - b))
  expect(described).toEqual(expect.arrayContaining(real))
})

/** What a pattern captures in these files, each once. */
function namesIn(files: string[], pattern: RegExp): string[] {
  const found = files.flatMap((file) => [
    ...readFileSync(join(SOURCES, file), 'utf8').matchAll(pattern),
  ])
  return [...new Set(found.map(([, name]) => name as string))].sort()
}
