import { createConnection } from 'mysql2/promise'
import { expect, onTestFinished, test, vi } from 'vitest'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { makeCertificate } from '../support/certificate.ts'
import { temporaryFolder } from '../support/folders.ts'
import { createDatabase, Mariadb } from '../support/mariadb.ts'
import { runProgram, startApi, startDaemon, TestProgram } from '../support/processes.ts'
import type { Program } from '../support/running-program.ts'
import { startRefusal } from '../support/start-refusal.ts'
import { waitFor } from '../support/wait.ts'

const PROGRAMS: Program[] = ['chat-api', 'chat-websocket']
const PASSWORD = 'hunter2hunter2'
/** For a database that does not answer: it is tried twice, for 3 s each, by programs that also start. */
const PATIENCE_MS = 18_000

// Some tests start ten programs, one pair after the other.
vi.setConfig({ testTimeout: 90_000 })

const here = test.skipIf(port === undefined)

/** The line of each program that cannot start on this database; neither tells the password. */
async function refusals(url: string, settings = {}): Promise<string[]> {
  const given = { CHAT_DATABASE: url, CHAT_DATABASE_PASSWORD: PASSWORD, ...settings }
  const startedAt = performance.now()
  const lines = await Promise.all(
    PROGRAMS.map((program) => startRefusal(program, temporaryFolder(), given)),
  )
  expect(performance.now() - startedAt).toBeLessThan(PATIENCE_MS)
  for (const line of lines) expect(line).not.toContain(PASSWORD)
  return lines
}

/** A server of the test's own, with an empty database. */
async function startServer(options: string[] = []) {
  const mariadb = await Mariadb.start(temporaryFolder(), options)
  onTestFinished(() => mariadb.kill())
  const url = createDatabase(mariadb.port, 'chat')
  return { mariadb, url }
}

here('neither program starts with a wrong password, and neither tells it', async () => {
  const { url } = new TestDatabase()
  const message =
    `Database ${url} refuses user root: wrong user or password. Set CHAT_DATABASE_PASSWORD. ` +
    'If it takes users by TLS only, set CHAT_DATABASE_CA.'
  expect(await refusals(url)).toEqual([message, message])
})

here('commands beside the services fail in one line, and create nothing', async () => {
  const database = new TestDatabase()
  const { url } = database
  const root = await database.connect()
  const commands = [['connections'], ['broadcast', 'shop:sale', '{}'], ['disconnect', '1']]
  for (const args of commands) {
    const run = (settings: Record<string, string>) =>
      runProgram('chat-websocket', args, temporaryFolder(), { CHAT_DATABASE: url, ...settings })
    expect(await run({})).toMatchObject({
      code: 1,
      errors: `chat-websocket: Database ${url} is empty. Start the chat first.\n`,
    })
    const { code, errors, output } = await run({ CHAT_DATABASE_PASSWORD: PASSWORD })
    expect({ code, output }).toEqual({ code: 1, output: errors })
    expect(errors).toMatch(/^chat-websocket: Database mysql:\S+ refuses user root: .*\n$/)
    expect(errors).not.toContain(PASSWORD)
  }
  expect((await root.query('SHOW TABLES'))[0]).toEqual([])
})

here('a server that is read-only, frozen or down lets neither program start', async () => {
  const { mariadb, url } = await startServer()
  const root = await createConnection(url)
  onTestFinished(() => root.destroy())
  const settings = { CHAT_DATABASE_PASSWORD: '' }
  await root.query('SET GLOBAL read_only = 1')
  for (const line of await refusals(url, settings)) expect(line).toContain('that is read-only')
  await root.query('SET GLOBAL read_only = 0')

  mariadb.signal('SIGSTOP')
  const isRunning = `Is a server running at 127.0.0.1, port ${mariadb.port}?`
  for (const line of await refusals(url, settings)) {
    expect(line).toBe(`Database ${url} cannot be reached (ETIMEDOUT). ${isRunning}`)
  }
  mariadb.signal('SIGCONT')
  await startApi(temporaryFolder(), { CHAT_DATABASE: url })

  await mariadb.kill()
  for (const line of await refusals(url, settings)) {
    expect(line).toBe(`Database ${url} cannot be reached (ECONNREFUSED). ${isRunning}`)
  }
})

here('a server is known by the certificate that signed its own, and by no other', async () => {
  const folder = temporaryFolder()
  const own = makeCertificate(folder, 'own')
  const other = makeCertificate(folder, 'other')
  const { url, mariadb } = await startServer([`--ssl-cert=${own.cert}`, `--ssl-key=${own.key}`])
  const settings = { CHAT_DATABASE: url, CHAT_DATABASE_PASSWORD: '' }

  for (const line of await refusals(url, { ...settings, CHAT_DATABASE_CA: other.cert })) {
    const reason = 'cannot be reached by TLS (self-signed certificate). Check CHAT_DATABASE_CA.'
    expect(line).toBe(`Database ${url} ${reason}`)
  }
  const missing = `${own.cert}.missing`
  for (const line of await refusals(url, { ...settings, CHAT_DATABASE_CA: missing })) {
    const problem = 'is no certificate that can be read (ENOENT)'
    expect(line).toBe(`CHAT_DATABASE_CA: ${missing} ${problem}`)
  }
  await startApi(temporaryFolder(), { ...settings, CHAT_DATABASE_CA: own.cert })

  await mariadb.stop()
  await mariadb.restart(['--skip-ssl'])
  for (const line of await refusals(url, { ...settings, CHAT_DATABASE_CA: own.cert })) {
    expect(line).toContain('by TLS (Server does not support secure connection). Check')
  }
})

here('eight processes that start together on an empty database all come up', async () => {
  const { url } = new TestDatabase()
  const starts = Array.from({ length: 4 }, () => [startApi, startDaemon]).flat()
  await Promise.all(starts.map((start) => start(temporaryFolder(), { CHAT_DATABASE: url })))
})

here('a process that is killed while it creates the schema leaves that to the next', async () => {
  const database = new TestDatabase()
  const { url } = database
  const root = await database.connect()
  const first = new TestProgram('chat-api', ['start'], temporaryFolder(), { CHAT_DATABASE: url })
  const hasTables = async () => ((await root.query('SHOW TABLES'))[0] as object[]).length > 1
  await waitFor(hasTables, 'the first tables')
  await first.kill()

  await startApi(temporaryFolder(), { CHAT_DATABASE: url })
  await startDaemon(temporaryFolder(), { CHAT_DATABASE: url })
})

here('status of a chat that runs names the database, and why it cannot be read', async () => {
  const { mariadb, url } = await startServer()
  const folder = temporaryFolder()
  const settings = { CHAT_DATABASE: url }
  await startApi(folder, settings)
  await startDaemon(folder, settings)
  const status = (program: Program) => runProgram(program, ['status'], folder, settings)

  expect((await status('chat-api')).output).toContain(`\n  database: ${url}\n`)
  expect((await status('chat-websocket')).output).toContain('\n  health: OK\n')
  await mariadb.kill()
  expect(await status('chat-websocket')).toMatchObject({
    code: 0,
    output: expect.stringContaining(`\n  problem: Database ${url} cannot be reached (ECONN`),
  })
})
