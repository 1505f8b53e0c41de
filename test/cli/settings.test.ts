import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connect } from '../support/clients.ts'
import { runProgram, startChat, TestProgram, temporaryFolder } from '../support/processes.ts'
import type { Environment } from '../support/running-program.ts'
import { BackgroundService } from '../support/services.ts'
import { apiLines, daemonLines, linesOf } from '../support/start-up-lines.ts'
import { waitFor } from '../support/wait.ts'

/** The tick that a daemon started in `folder` says it has. */
async function tick(folder: string, args: string[], settings: Environment): Promise<string> {
  const program = new TestProgram('chat-websocket', ['start', ...args], folder, settings)
  const found = await program.printed(/every (\d+)ms/)
  await program.printed(/Direct broadcast via/)
  expect(program.errors).toBe('')
  await program.stop()
  return found
}

test('a flag wins over the environment, and that over .env', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, '.env'), '# The tick\nCHAT_POLL_INTERVAL_MS=30\n')
  const environment = { CHAT_POLL_INTERVAL_MS: '20' }

  expect(await tick(folder, [], {})).toBe('30')
  expect(await tick(folder, [], environment)).toBe('20')
  expect(await tick(folder, ['--poll-interval-ms', '15'], environment)).toBe('15')
})

test('a .env that cannot be read is refused in one line', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, '.env'))

  expect(await runProgram('chat-api', ['status'], folder)).toMatchObject({
    code: 1,
    errors: 'chat-api: .env cannot be read (EISDIR)\n',
  })
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
