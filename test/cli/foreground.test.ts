import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connect, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import {
  apiLines,
  BackgroundService,
  daemonLines,
  isAlive,
  linesOf,
  runProgram,
  startApi,
  startChat,
  startDaemon,
  TestProgram,
} from '../support/processes.ts'
import { executable, processEnvironment } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

/** A shell that finds the commands the way npm links them: as symbolic links in another folder. */
function shell(folder: string, command: string) {
  const links = join(folder, 'links')
  mkdirSync(links)
  for (const program of ['chat-api', 'chat-websocket'] as const) {
    symlinkSync(executable(program), join(links, program))
  }
  const environment = processEnvironment(folder)
  const env = { ...environment, PATH: `${links}:${environment.PATH}` }
  const child = spawn('sh', ['-c', command], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

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

test('a signal during the start ends it as soon as it has started', async () => {
  const program = new TestProgram('chat-websocket', ['start'], temporaryFolder(), {})
  await program.printed(/Starting Chat WebSocket Server/)

  expect(await program.stop()).toBe(0)
  expect(linesOf(program.output).at(-1)).toMatch(/Stopped$/)
})

test('nohup chat-websocket start > log & outlives its shell and a hang-up', async () => {
  const folder = temporaryFolder()
  const service = new BackgroundService('chat-websocket', folder)
  const child = shell(folder, `nohup chat-websocket start > ${service.logFile} 2>&1 &`)
  await once(child, 'exit')
  await waitFor(() => service.log.includes('Direct broadcast via'), 'the daemon to start')
  expect(linesOf(service.log)).toEqual(daemonLines(service.port))
  const pid = service.pid as number
  expect(isAlive(pid)).toBe(true)

  process.kill(pid, 'SIGHUP')

  const socket = await connect(`ws://127.0.0.1:${service.port}`, 1)
  await socket.settled()
  expect(service.pid).toBe(pid)
  expect((await runProgram('chat-websocket', ['stop'], folder)).code).toBe(0)
  expect(isAlive(pid)).toBe(false)
})

test('a daemon whose terminal closes stops in good order', async () => {
  const folder = temporaryFolder()
  const service = new BackgroundService('chat-websocket', folder)
  const command = `'${process.execPath}' '${executable('chat-websocket')}' start`
  const terminal = spawn('script', ['-qfc', command, '/dev/null'], {
    cwd: folder,
    env: processEnvironment(folder),
  })
  onTestFinished(() => {
    terminal.kill('SIGKILL')
  })
  let output = ''
  terminal.stdout.on('data', (chunk) => {
    output += chunk
  })
  await waitFor(() => output.includes('Direct broadcast via'), 'the daemon to start')
  const pid = service.pid as number
  expect(isAlive(pid)).toBe(true)

  terminal.kill('SIGKILL')

  await waitFor(() => !isAlive(pid), 'the daemon to stop')
  // It tidied up: one that is killed leaves its pid file.
  expect(existsSync(service.pidFile)).toBe(false)
})

test('a reader that goes away (| head -1) does not end the daemon', async () => {
  const folder = temporaryFolder()
  const service = new BackgroundService('chat-websocket', folder)
  const child = shell(folder, '{ chat-websocket start; echo "code $?" >&2; } | head -1')
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  let address: string | undefined
  await waitFor(async () => {
    const status = await runProgram('chat-websocket', ['status', '--json'], folder)
    address = status.code === 0 ? JSON.parse(status.output).address : undefined
    return address !== undefined
  }, 'the daemon to start')
  await connect(address as string, 1)

  process.kill(service.pid as number, 'SIGTERM')

  await waitFor(() => child.stderr.closed, 'the shell to end')
  expect(output).toBe('Starting Chat WebSocket Server...\n')
  expect(errors).toBe('code 0\n')
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
