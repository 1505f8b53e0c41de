import { describe, expect, test } from 'vitest'
import { checkClock, checkDurability } from '../../src/cli/checks/shared-database.ts'
import { DatabaseProbe } from '../../src/mysql/probe.ts'
import { CLOCK_DIFFERENCE_SECONDS_MAX } from '../../src/thresholds.ts'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { runDoctor } from '../support/doctor.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startDaemon } from '../support/in-process.ts'

/** What doctor says about a database on a server. */
function diagnose(database: TestDatabase, settings: Record<string, string> = {}) {
  return runDoctor(temporaryFolder(), { CHAT_DATABASE: database.url, ...settings })
}

test("a clock may differ by 5 s from the database's, and no more", () => {
  expect(CLOCK_DIFFERENCE_SECONDS_MAX).toBe(5)
  for (const seconds of [5, -5]) expect(checkClock(seconds).level).toBe('ok')
  expect(checkClock(5.6)).toEqual({
    check: 'clock',
    level: 'warning',
    message: "the database's is 6 s ahead of this host's. Set both by NTP",
  })
  expect(checkClock(-3600).message).toContain("3600 s behind this host's")
})

test('a server that answers a commit before it is on the disk is a warning', () => {
  expect(checkDurability({ flushLevel: 1 })).toEqual([])
  for (const flushLevel of [0, 2]) {
    expect(checkDurability({ flushLevel })).toMatchObject([
      {
        level: 'warning',
        message: expect.stringMatching(/^innodb_flush_log_at_trx_commit is \d: .* Set it to 1$/),
      },
    ])
  }
})

describe.skipIf(port === undefined)('on a MariaDB', () => {
  test('a chat that is well gets ok, with the server, and without what only a file has', async () => {
    const database = new TestDatabase()
    const settings = { CHAT_DATABASE: database.url }
    const [api, daemon] = await Promise.all([
      startApi(temporaryFolder(), settings),
      startDaemon(temporaryFolder(), settings),
    ])

    const { code, checks, found } = await diagnose(database, {
      CHAT_API_PORT: new URL(api.url).port,
      CHAT_WS_PORT: new URL(daemon.url).port,
      CHAT_MAX_CONNECTIONS: '10',
    })

    const machine = ['uploads', 'bucket', 'open files', 'TLS']
    const names = ['database', 'clock', 'file rights', ...machine]
    const live = ['chat-websocket', 'chat-api', 'pending events', 'webhooks', 'sockets']
    expect(checks.map(({ check }) => check)).toEqual([...names, ...live])
    expect(found('database')?.message).toMatch(
      /^mysql:\S+ on MariaDB \d+\.\d+\.\S+ can be written to \(schema 2\)$/,
    )
    expect(found('clock')?.message).toMatch(/^the database's differs by 0\.\d s from this host's$/)
    expect(checks.filter(({ level }) => level !== 'ok')).toMatchObject([{ check: 'uploads' }])
    expect(code).toBe(0)
    const [rows] = await (await database.connect()).query('SELECT seq FROM pending_events')
    expect(rows).toEqual([])
  })

  test('an empty database is a warning, and is left empty', async () => {
    const database = new TestDatabase()
    const { code, found } = await diagnose(database)

    expect(found('database')).toMatchObject({
      level: 'warning',
      message: `${database.url} is empty. Start the chat: it is filled then`,
    })
    expect(code).toBe(0)
    expect((await (await database.connect()).query('SHOW TABLES'))[0]).toEqual([])
  })

  test('a database that cannot be opened is an error; the rest is looked at all the same', async () => {
    const database = new TestDatabase()
    const password = 'hunter2hunter2'
    const { code, checks, found } = await diagnose(database, { CHAT_DATABASE_PASSWORD: password })

    expect(found('database')).toMatchObject({
      level: 'error',
      message: expect.stringContaining(`Database ${database.url} refuses user root`),
    })
    expect(found('uploads')).toBeDefined()
    expect(JSON.stringify(checks)).not.toContain(password)
    expect(code).toBe(1)
    const ca = await diagnose(database, { CHAT_DATABASE_CA: '/missing' })
    expect(ca.found('database')?.message).toContain('is no certificate that can be read (ENOENT)')
  })

  test('a lost trigger is an error, and its advice brings it back', async () => {
    const database = new TestDatabase()
    const root = await database.connect()
    await database.open()
    await root.query('DROP TRIGGER number_pending_event')

    const { message = '' } = (await diagnose(database)).found('database') ?? {}

    expect(message).toContain(
      'has lost its trigger: events that other programs insert are not sent',
    )
    const [, advice] = /Do: ([^;]+);/.exec(message) ?? []
    await root.query(String(advice))
    await database.open()
    expect((await diagnose(database)).found('database')?.level).toBe('ok')
  })

  test("events that wait for another program's transaction are an error", async () => {
    const database = new TestDatabase()
    await database.open()
    const other = await database.connect()
    await other.query(
      "START TRANSACTION; INSERT INTO pending_events (event, data) VALUES ('shop:sale', '{}')",
    )

    const { code, found } = await diagnose(database)

    expect(found('database')?.message).toContain("is locked by another program's transaction")
    expect(code).toBe(1)
  })

  test('the probe reads what the server promises, and its clock', async () => {
    const database = new TestDatabase()
    await database.open()
    const probe = new DatabaseProbe(database.address)
    expect(await probe.durability()).toEqual({ flushLevel: 1, galeraState: undefined })
    expect(Math.abs(await probe.clockAheadSeconds())).toBeLessThan(1)
    await probe.close()
  })
})
