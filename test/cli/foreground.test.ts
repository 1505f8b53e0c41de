import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connect, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import {
  apiLines,
  daemonLines,
  linesOf,
  runProgram,
  startApi,
  startChat,
  startDaemon,
} from '../support/processes.ts'

test('the daemon prints the documented lines, in order, and nothing more while it serves', async () => {
  const { api, daemon } = await startChat()
  const socket = await connect(daemon.url, 2)
  await sendText(api.url, 1, 2, 'Hello')
  await socket.event('chat:message')
  await socket.close()

  const port = new URL(daemon.url).port
  expect(daemon.program.output).toBe(
    daemonLines(port)
      .map((line) => `${line}\n`)
      .join(''),
  )
})

test('the API prints where it runs, and nothing more while it serves', async () => {
  const { program, url } = await startApi(temporaryFolder())
  await sendText(url, 1, 2, 'Hello')

  expect(linesOf(program.output)).toEqual(apiLines(new URL(url).port))
})

test.for(['SIGINT', 'SIGTERM'] as const)('%s stops both with exit code 0', async (signal) => {
  const { folder, api, daemon } = await startChat()

  expect(await Promise.all([api.program.stop(signal), daemon.program.stop(signal)])).toEqual([0, 0])

  for (const { program } of [api, daemon]) {
    expect(linesOf(program.output).at(-2)).toMatch(new RegExp(`info +${signal}: stopping$`))
    expect(linesOf(program.output).at(-1)).toMatch(/info +Stopped$/)
    expect(program.errors).toBe('')
  }
  expect(existsSync(join(folder, 'chat-api.pid'))).toBe(false)
  expect(existsSync(join(folder, 'chat-websocket.pid'))).toBe(false)
})

test('a second daemon on the same database refuses, naming the pid of the first', async () => {
  const folder = temporaryFolder()
  const { program, url } = await startDaemon(folder)

  const second = await runProgram('chat-websocket', ['start'], folder)

  expect(second.code).toBe(1)
  expect(linesOf(second.errors)).toHaveLength(1)
  expect(second.errors).toContain(`pid ${program.pid}`)
  expect(readFileSync(join(folder, 'chat-websocket.pid'), 'utf8')).toMatch(`${program.pid}\n`)
  await connect(url, 1)
})
