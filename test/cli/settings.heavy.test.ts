import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { readEnvFile } from '../../src/cli/env-file.ts'
import { connect } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import {
  apiLines,
  BackgroundService,
  daemonLines,
  linesOf,
  runProgram,
  startChat,
} from '../support/processes.ts'
import { type Environment, processEnvironment, RunningProcess } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The programs as they are installed, in a folder of the test's own. */
function installation(): string {
  const folder = temporaryFolder()
  for (const name of ['bin', 'dist', 'package.json', 'schema.sql']) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  mkdirSync(join(folder, 'data'))
  return folder
}

function startInstalled(root: string, args: string[], settings: Environment): RunningProcess {
  const folder = temporaryFolder()
  // What stands in the current folder is nobody's settings.
  writeFileSync(join(folder, '.env'), 'CHAT_POLL_INTERVAL_MS=99\n')
  const env = processEnvironment(folder, settings)
  const program = new RunningProcess(
    process.execPath,
    [join(root, 'bin/chat-websocket.js'), ...args],
    { cwd: folder, env },
  )
  onTestFinished(() => program.kill())
  return program
}

/** The tick that an installed daemon says it has. */
async function tick(root: string, args: string[], settings: Environment): Promise<string> {
  const program = startInstalled(root, ['start', ...args], settings)
  const found = await program.printed(/every (\d+)ms/)
  await program.printed(/Direct broadcast via/)
  expect(program.errors).toBe('')
  await program.stop()
  return found
}

test('a flag wins over the environment, that over .env, and the current folder has no say', async () => {
  const root = installation()
  const environment = { CHAT_POLL_INTERVAL_MS: '20' }

  expect(await tick(root, [], {})).toBe('10')
  writeFileSync(join(root, 'data/.env'), '# The tick\nCHAT_POLL_INTERVAL_MS=40\n')
  expect(await tick(root, [], {})).toBe('40')
  writeFileSync(join(root, '.env'), 'CHAT_POLL_INTERVAL_MS=30\n')
  expect(await tick(root, [], {})).toBe('30')
  expect(await tick(root, [], environment)).toBe('20')
  expect(await tick(root, ['--poll-interval-ms', '15'], environment)).toBe('15')
})

test('a .env that somebody else may have written is refused in one line', async () => {
  const root = installation()
  const file = join(root, '.env')
  writeFileSync(file, 'CHAT_POLL_INTERVAL_MS=30\n')
  chmodSync(file, 0o620)

  const program = startInstalled(root, ['status'], {})

  expect(await program.exit()).toBe(1)
  expect(program.output).toBe(
    `chat-websocket: ${file} can be written by others. Do: chmod go-w ${file}\n`,
  )
})

test('a .env is read when it is of this user or of root, and nobody else can write it', () => {
  const file = join(temporaryFolder(), '.env')
  const refusal = () => {
    try {
      return readEnvFile(file)
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(refusal()).toEqual({})
  writeFileSync(file, 'CHAT_AUTH=none\n')
  for (const mode of [0o600, 0o640, 0o644]) {
    chmodSync(file, mode)
    expect(refusal()).toEqual({ CHAT_AUTH: 'none' })
  }
  for (const mode of [0o660, 0o602]) {
    chmodSync(file, mode)
    expect(refusal()).toBe(`${file} can be written by others. Do: chmod go-w ${file}`)
  }
  rmSync(file)
  mkdirSync(file, { mode: 0o700 })
  expect(refusal()).toBe(`${file} cannot be read (EISDIR)`)
})

test.runIf(process.getuid?.() === 0)("a .env of another user's is refused", () => {
  const file = join(temporaryFolder(), '.env')
  writeFileSync(file, 'CHAT_AUTH=none\n', { mode: 0o600 })
  chownSync(file, 65_534, 0)

  expect(() => readEnvFile(file)).toThrow(
    `${file} belongs to another user (uid 65534). Run this as that user, or: chown 0 ${file}`,
  )
})

test.for([
  ['an unknown command', ['strat'], /^unknown command 'strat'$/],
  ['an unknown option', ['start', '--prot', '1'], /^unknown option '--prot'$/],
  ['an option of another command', ['stop', '-d'], /^unknown option '-d'$/],
  ['an argument too many', ['start', 'now'], /^too many arguments for 'start'\./],
  ['an option without its value', ['start', '--ws-port'], /'--ws-port <value>' argument missing$/],
  ['an argument too few', ['broadcast', 'chat:notice'], /^missing required argument 'json'$/],
  [
    'an invalid value of a flag',
    ['start', '--ws-port', '65536'],
    /^CHAT_WS_PORT must be a whole number from 0 to 65535, not "65536"$/,
  ],
  [
    'an event without an object',
    ['broadcast', 'chat:notice', '[1]'],
    /^data must be a JSON object/,
  ],
  [
    'an event for nobody',
    ['broadcast', 'chat:notice', '{}', '--to', '0'],
    /^--to takes a positive integer, not "0"$/,
  ],
] as const)('%s is refused in one line', async ([, args, expected]) => {
  const { code, output, errors } = await runProgram('chat-websocket', [...args], temporaryFolder())

  expect(code).toBe(1)
  expect(output).toBe(errors)
  expect(linesOf(errors)).toHaveLength(1)
  const [name, ...message] = errors.trimEnd().split(': ')
  expect(name).toBe('chat-websocket')
  expect(message.join(': ')).toMatch(expected)
})

test('an invalid value in the environment is refused by every command', async () => {
  const settings = { CHAT_PRESENCE: 'some' }
  for (const args of [['start'], ['start', '-d'], ['status'], ['stop']]) {
    expect(await runProgram('chat-api', args, temporaryFolder(), settings)).toMatchObject({
      code: 1,
      output: 'chat-api: CHAT_PRESENCE must be all or contacts or off, not "some"\n',
    })
  }
})

test('without a command, both say what they can do', async () => {
  const { code, errors } = await runProgram('chat-api', [], temporaryFolder())
  expect(code).toBe(1)
  for (const command of ['start', 'stop', 'restart', 'status', 'logs']) {
    expect(errors).toMatch(new RegExp(`^ +${command} `, 'm'))
  }
})

function messagesIn(output: string): string[] {
  return linesOf(output).map((line) => JSON.parse(line).message)
}

test('with CHAT_LOG_FORMAT=json every line is JSON, from the first to the last', async () => {
  const { api, daemon } = await startChat({ CHAT_LOG_FORMAT: 'json' })
  const socket = await connect(daemon.url, 1)
  await socket.close()
  await Promise.all([api.program.stop(), daemon.program.stop()])

  const farewell = ['SIGTERM: stopping', 'Stopped']
  const apiPort = new URL(api.url).port
  expect(messagesIn(api.program.output)).toEqual([...apiLines(apiPort), ...farewell])
  const daemonPort = new URL(daemon.url).port
  expect(messagesIn(daemon.program.output)).toEqual([...daemonLines(daemonPort), ...farewell])
})

test('a process that was asleep logs nothing but its own lines, all JSON', async () => {
  const { api, daemon } = await startChat({ CHAT_LOG_FORMAT: 'json' })
  const pids = [api.program.pid, daemon.program.pid]
  const wokenAt = Date.now() + 3_500
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  await waitFor(() => Date.now() > wokenAt, 'some chores to be missed')
  for (const pid of pids) process.kill(pid, 'SIGCONT')
  const socket = await connect(daemon.url, 1)
  await socket.settled()
  await Promise.all([api.program.stop(), daemon.program.stop()])

  expect(messagesIn(api.program.output)).toHaveLength(5)
  expect(messagesIn(daemon.program.output)).toHaveLength(10)
})

test('with CHAT_LOG_FORMAT=json a failing start says why in JSON, and in words to start -d', async () => {
  const folder = temporaryFolder()
  const service = new BackgroundService('chat-websocket', folder)
  writeFileSync(join(folder, 'chat.db'), 'no database '.repeat(100))
  const settings = { CHAT_LOG_FORMAT: 'json' }
  const reason =
    `Database ${join(folder, 'chat.db')} is not an SQLite database. ` +
    'Move that file away or change CHAT_DATABASE.'

  const foreground = await runProgram('chat-websocket', ['start'], folder, settings)
  const background = await runProgram('chat-websocket', ['start', '-d'], folder, settings)

  expect(foreground.code).toBe(1)
  expect(messagesIn(foreground.output)).toEqual(['Starting Chat WebSocket Server...', reason])
  expect(messagesIn(foreground.errors)).toEqual([reason])
  expect(background.errors).toBe(
    `chat-websocket: could not be started: ${reason} (Log file: ${service.logFile})\n`,
  )
  expect(messagesIn(service.log).at(-1)).toBe(reason)
})
