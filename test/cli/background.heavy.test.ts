import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { connect, get } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import {
  apiLines,
  BackgroundService,
  daemonLines,
  isAlive,
  linesOf,
  runProgram,
  startDaemon,
  startService,
  TestProgram,
} from '../support/processes.ts'
import { executable, type Program } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

const PROGRAMS: Program[] = ['chat-api', 'chat-websocket']

function stranger(): ChildProcess {
  const child = spawn('sleep', ['600'])
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

test.for(PROGRAMS)('%s start -d returns when it serves, and is refused then', async (program) => {
  const folder = temporaryFolder()
  const service = new BackgroundService(program, folder)

  const started = await runProgram(program, ['start', '-d'], folder)

  expect(started.code).toBe(0)
  const pid = service.pid as number
  expect(linesOf(started.output)).toEqual([
    `${program} started in the background (pid ${pid})`,
    `Log file: ${service.logFile}`,
  ])
  const lines = program === 'chat-api' ? apiLines : daemonLines
  expect(linesOf(service.log)).toEqual(lines(service.port))
  if (program === 'chat-api') await get(`http://127.0.0.1:${service.port}/health`)
  else await connect(`ws://127.0.0.1:${service.port}`, 1)

  const second = await runProgram(program, ['start', '-d'], folder)
  expect(second.code).toBe(1)
  expect(second.errors).toBe(
    `${program}: already running (pid ${pid}). To start it anew: ${program} restart\n`,
  )
  expect(service.pid).toBe(pid)
})

test.for(PROGRAMS)('%s status and stop tell whether it runs', async (program) => {
  const folder = temporaryFolder()
  const service = await startService(program, folder)
  const pid = service.pid as number

  const command = (...args: string[]) => runProgram(program, args, folder)

  const [text, json] = await Promise.all([command('status'), command('status', '--json')])
  expect(text.code).toBe(0)
  expect(text.output).toMatch(new RegExp(`^${program} is running\n  pid: ${pid}\n`))
  expect(json.code).toBe(0)
  expect(JSON.parse(json.output)).toMatchObject({ service: program, running: true, pid })

  const output = `${program} stopped (pid ${pid})\n`
  expect(await command('stop')).toEqual({ code: 0, output, errors: '' })
  expect(isAlive(pid)).toBe(false)
  expect(existsSync(service.pidFile)).toBe(false)

  const [stopped, stoppedJson, again] = await Promise.all([
    command('status'),
    command('status', '--json'),
    command('stop'),
  ])
  expect(stopped).toEqual({ code: 3, output: `${program} is not running\n`, errors: '' })
  expect(stoppedJson.code).toBe(3)
  expect(JSON.parse(stoppedJson.output)).toEqual({ service: program, running: false })
  expect(again).toEqual({ code: 0, output: `${program} is not running\n`, errors: '' })
})

test('chat-websocket status tells its address and how many are connected', async () => {
  const folder = temporaryFolder()
  const service = await startService('chat-websocket', folder)
  const address = `ws://127.0.0.1:${service.port}`
  await connect(address, 1)
  await connect(address, 2)
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)

  const status = await runProgram('chat-websocket', ['status', '--json'], folder)

  expect(JSON.parse(status.output)).toEqual({
    service: 'chat-websocket',
    running: true,
    health: 'OK',
    pid: service.pid,
    address,
    connections: 2,
    started_at: time,
    heartbeat_at: time,
    polled_at: time,
  })
})

test('status, stop and logs find a service that was started in the foreground, too', async () => {
  const folder = temporaryFolder()
  const running = new TestProgram('chat-api', ['start'], folder, {})
  await running.printed(/running on/)

  expect((await runProgram('chat-api', ['status'], folder)).output).toContain(`${running.pid}`)
  expect((await runProgram('chat-api', ['stop'], folder)).code).toBe(0)
  expect(await running.exit()).toBe(0)
  const logs = await runProgram('chat-api', ['logs'], folder)
  expect(logs.code).toBe(1)
  expect(logs.errors).toMatch(/^chat-api: there is no log at \S+\. Only "start -d" writes one\.\n$/)
})

test('restart closes the sockets with 1012 and serves on its port as a new process', async () => {
  const folder = temporaryFolder()
  const service = await startService('chat-websocket', folder)
  const pid = service.pid as number
  const port = `${service.port}`
  const socket = await connect(`ws://127.0.0.1:${port}`, 1)

  const restarted = await runProgram('chat-websocket', ['restart', '--ws-port', port], folder)

  expect(restarted.code).toBe(0)
  expect((await socket.whenClosed()).code).toBe(1012)
  expect(isAlive(pid)).toBe(false)
  expect(service.pid).not.toBe(pid)
  expect(restarted.output).toContain(`started in the background (pid ${service.pid})`)
  const returned = await connect(`ws://127.0.0.1:${port}`, 1)
  await runProgram('chat-websocket', ['stop'], folder)
  expect((await returned.whenClosed()).code).toBe(1001)
})

test('restart starts a service that was not running', async () => {
  const folder = temporaryFolder()
  const service = new BackgroundService('chat-api', folder)

  const { code, output } = await runProgram('chat-api', ['restart'], folder)

  expect(code).toBe(0)
  expect(linesOf(output)[0]).toBe('chat-api is not running')
  await get(`http://127.0.0.1:${service.port}/health`)
})

test.for(PROGRAMS)('%s logs prints the log, and logs -f what comes', async (program) => {
  const folder = temporaryFolder()
  const service = await startService(program, folder)

  expect((await runProgram(program, ['logs'], folder)).output).toBe(service.log)
  const following = new TestProgram(program, ['logs', '-f'], folder, {})
  await following.printed(/Database connection established/)
  expect(following.output).not.toContain('Stopped')
  await runProgram(program, ['stop'], folder)
  await following.printed(/Stopped/)
})

test('logs prints the last 100 lines of a long log', async () => {
  const folder = temporaryFolder()
  const lines = Array.from({ length: 101 }, (_, index) => `line ${index + 1}`)
  writeFileSync(join(folder, 'chat-api.log'), `${lines.join('\n')}\n`)

  const { output } = await runProgram('chat-api', ['logs'], folder)

  expect(linesOf(output)).toEqual(lines.slice(1))
})

test.for(['SIGINT', 'SIGTERM'] as const)('logs -f leaves nothing behind at %s', async (signal) => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'chat-api.log'), 'a line\n')
  const following = new TestProgram('chat-api', ['logs', '-f'], folder, {})
  await following.printed(/a line/)
  const { pid } = following
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  expect(children).toHaveLength(1)

  await following.stop(signal)

  await waitFor(() => !isAlive(Number(children[0])), 'tail to end')
})

test.for(PROGRAMS)('%s stop spares a stranger who was given its old pid', async (program) => {
  const folder = temporaryFolder()
  const service = await startService(program, folder)
  const crashed = readFileSync(service.pidFile, 'utf8')
  process.kill(service.pid as number, 'SIGKILL')
  await waitFor(() => service.pid === undefined, 'the service to be gone')
  const { pid } = stranger()
  writeFileSync(service.pidFile, crashed.replace(/^\d+/, `${pid}`))

  expect((await runProgram(program, ['status'], folder)).code).toBe(3)
  const stop = await runProgram(program, ['stop'], folder)
  expect(stop).toMatchObject({ code: 0, output: `${program} is not running\n` })
  expect(isAlive(pid as number)).toBe(true)
  expect((await runProgram(program, ['start', '-d'], folder)).code).toBe(0)
  expect(service.pid).toBeDefined()
  expect(service.pid).not.toBe(pid)
  expect((await runProgram(program, ['stop'], folder)).code).toBe(0)
  expect(isAlive(pid as number)).toBe(true)
})

test("stopping another user's process is refused in one line", async () => {
  // Root may stop anybody, so it becomes nobody first; whoever else runs this may not stop init.
  const isRoot = process.getuid?.() === 0
  const pid = isRoot ? stranger().pid : 1
  const module = new URL('../../dist/cli/background.js', import.meta.url)
  const script = `
    import { stopProcess } from '${module}'
    if (${isRoot}) process.setuid(65534)
    await stopProcess(${pid}, 'SIGTERM').catch((error) => console.log(error.code, error.message))
  `
  const args = ['--input-type=module', '-e', script]

  const { stdout } = await promisify(execFile)(process.execPath, args)

  expect(stdout).toBe(`setup pid ${pid} is another user's. Stop it as that user, or as root.\n`)
})

test('a service whose starter is killed meanwhile starts all the same', async () => {
  const folder = temporaryFolder()
  const service = new BackgroundService('chat-websocket', folder)
  const starter = new TestProgram('chat-websocket', ['start', '-d'], folder, {})
  await waitFor(() => service.log.includes('Starting'), 'the service to begin')
  await starter.kill()

  await waitFor(() => service.log.includes('Direct broadcast via'), 'the service to be ready')
  const socket = await connect(`ws://127.0.0.1:${service.port}`, 1)
  await socket.settled()
  expect(service.log).toBe(
    daemonLines(service.port)
      .map((line) => `${line}\n`)
      .join(''),
  )
})

test('flags given to start -d reach the service', async () => {
  const folder = temporaryFolder()
  const service = new BackgroundService('chat-websocket', folder)
  await runProgram('chat-websocket', ['start', '-d', '--poll-interval-ms', '25'], folder)

  expect(linesOf(service.log)).toEqual(daemonLines(service.port, 25))
})

test('the options of Node in the first line of the daemon hold in the background, too', async () => {
  const [foreground, background] = [temporaryFolder(), temporaryFolder()]
  const { program } = await startDaemon(foreground)
  const service = await startService('chat-websocket', background)
  const before = service.pid as number
  await runProgram('chat-websocket', ['restart'], background)

  expect(service.pid).not.toBe(before)
  for (const pid of [program.pid, service.pid]) {
    const [, option] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    expect(option).toBe('--max-semi-space-size=4')
  }
})

test('both commands are executable files', () => {
  for (const program of PROGRAMS) {
    expect(readFileSync(executable(program), 'utf8')).toMatch(/^#!\/(usr\/bin\/env node|bin\/sh)\n/)
    expect(statSync(executable(program)).mode & 0o111).toBe(0o111)
  }
})
