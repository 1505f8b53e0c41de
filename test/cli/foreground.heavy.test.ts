import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import {
  BackgroundService,
  daemonLines,
  isAlive,
  linesOf,
  runProgram,
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
