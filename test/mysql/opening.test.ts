import { describe, expect, onTestFinished, test } from 'vitest'
import type { DatabaseAddress } from '../../src/mysql/address.ts'
import { Import } from '../../src/mysql/import.ts'
import { SCHEMA_VERSION } from '../../src/mysql/migrations.ts'
import { openDatabase } from '../../src/mysql/open-database.ts'
import { DatabaseProbe } from '../../src/mysql/probe.ts'
import { MysqlStore } from '../../src/mysql/store.ts'
import { send } from '../store/opened-store.ts'
import { openMysqlServer } from '../support/mysql-server.ts'
import { freePort } from '../support/network.ts'
import { CHAT_OPTIONS } from '../support/open-chat.ts'
import { port, TestDatabase, urlOf } from './open-mysql.ts'

const PASSWORD = 'hunter2'
/** Those that the README grants. */
const RIGHTS = 'SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, TRIGGER'
const HERE: DatabaseAddress = {
  host: '127.0.0.1',
  port: 0,
  user: 'shop',
  password: PASSWORD,
  database: 'chat',
  ca: undefined,
}

/** As a service opens it. */
async function open(address: DatabaseAddress) {
  const database = await openDatabase(address, { onMigrated: () => {} })
  onTestFinished(() => database.close())
  return database
}

/** What the operator is told of a database that cannot be opened, after its name. */
async function refusal(
  address: DatabaseAddress,
  options: Parameters<typeof openDatabase>[1] = { onMigrated: () => {} },
): Promise<string> {
  const error = await openDatabase(address, options).then(
    () => new Error('It was opened'),
    (error) => error,
  )
  expect(error).toMatchObject({ code: 'setup' })
  expect(error.message).not.toMatch(new RegExp(`${PASSWORD}|\\n`))
  const name = `Database ${urlOf(address)} `
  expect(error.message.slice(0, name.length)).toBe(name)
  return error.message.slice(name.length)
}

/** A user with some rights to a database, until the test is over. */
async function addUser(database: TestDatabase, rights: string) {
  const { address } = database
  const root = await database.connect()
  const user = `user_${address.database.slice(-8)}`
  const grants = `GRANT ${rights} ON ${address.database}.* TO '${user}'@'%'`
  await root.query(`CREATE USER '${user}'@'%' IDENTIFIED BY '${PASSWORD}'; ${grants}`)
  onTestFinished(async () => void (await root.query(`DROP USER '${user}'@'%'`)))
  return { ...address, user, password: PASSWORD }
}

test('a server that is down, or that nobody knows, cannot be reached', async () => {
  const port = await freePort()
  expect(await refusal({ ...HERE, port })).toBe(
    `cannot be reached (ECONNREFUSED). Is a server running at 127.0.0.1, port ${port}?`,
  )
  expect(await refusal({ ...HERE, port, host: 'localhost' })).toContain('(ECONNREFUSED)')
  expect(await refusal({ ...HERE, port, host: 'no-such-host.invalid' })).toMatch(
    /^cannot be reached \((ENOTFOUND|EAI_AGAIN)\)\. Is a server running at no-such-host\.invalid, /,
  )
})

test.for([
  ['5.7.44-log', 'MySQL 5.7.44-log; the chat takes 8.0.16 or later.'],
  ['8.0.15', 'MySQL 8.0.15; the chat takes 8.0.16 or later.'],
  ['5.5.5-10.5.29-MariaDB', 'MariaDB 5.5.5-10.5.29-MariaDB; the chat takes 10.6.0 or later.'],
  ['10.5.29-MariaDB-log', 'MariaDB 10.5.29-MariaDB-log; the chat takes 10.6.0 or later.'],
] as const)('a server of version %s is too old', async ([version, message]) => {
  const port = await openMysqlServer({ version, isReadOnly: 0 })
  expect(await refusal({ ...HERE, port })).toBe(`is on ${message}`)
})

test.for([1, 'ON', 'NO_LOCK_NO_ADMIN'])(
  'a server whose read_only is %s is none to write to',
  async (isReadOnly) => {
    const port = await openMysqlServer({ version: '12.2.1-MariaDB', isReadOnly })
    expect(await refusal({ ...HERE, port })).toBe(
      'is on a server that is read-only. Name the primary in CHAT_DATABASE.',
    )
  },
)

describe.skipIf(port === undefined)('on a MariaDB', () => {
  test('a wrong password and an unknown user are refused alike', async () => {
    const address = await addUser(new TestDatabase(), 'ALL')
    const check = 'wrong user or password. Set CHAT_DATABASE_PASSWORD. '
    const tls = 'If it takes users by TLS only, set CHAT_DATABASE_CA.'
    const wrong: Partial<DatabaseAddress>[] = [
      { password: `${PASSWORD}!` },
      { password: '' },
      { user: 'nobody' },
    ]
    for (const part of wrong) {
      const one = { ...address, ...part }
      expect(await refusal(one)).toBe(`refuses user ${one.user}: ${check}${tls}`)
    }
  })

  test("a database that is missing, or that is not the user's, is refused with what to do", async () => {
    const empty = new TestDatabase()
    expect(await refusal({ ...empty.address, database: 'no-such' })).toBe(
      'does not exist. Do: CREATE DATABASE `no-such` CHARACTER SET utf8mb4',
    )
    const { user, ...address } = await addUser(empty, 'ALL')
    expect(await refusal({ ...address, user, database: 'no_such' })).toBe(
      `does not exist, or is not ${user}'s to use. Do: CREATE DATABASE no_such CHARACTER SET ` +
        `utf8mb4; GRANT ${RIGHTS} ON no_such.* TO '${user}'@'%'`,
    )
  })

  test('a user who may read alone is told which right is missing, before and after the first start', async () => {
    const empty = new TestDatabase()
    const reader = await addUser(empty, 'SELECT')
    const { user, database } = reader
    const advice = `Do: GRANT ${RIGHTS} ON ${database}.* TO '${user}'@'%'`
    const lacks = (right: string, table: string) =>
      `lacks a right (${right} command denied to user '${user}'@'localhost' ` +
      `for table \`${database}\`.\`${table}\`). ${advice}`

    expect(await refusal(reader)).toBe(lacks('CREATE', 'chat_schema'))
    await open(empty.address)
    expect(await refusal(reader)).toBe(lacks('INSERT', 'pending_events'))
  })

  test('the rights that the advice grants are enough, also to move a chat there', async () => {
    const address = await addUser(new TestDatabase(), RIGHTS)
    const target = await Import.begin(address)
    await target.finish([{ name: 'messages', columns: ['message_id'], lastId: 7 }])
    await target.close()

    const store = new MysqlStore(await open(address), CHAT_OPTIONS)
    expect((await send(store, 1, 2)).messageId).toBe(8)
    const probe = new DatabaseProbe(address)
    await probe.checkWritable()
    expect(await probe.durability()).toMatchObject({ flushLevel: 1 })
    await probe.close()
  })

  test("another program's database is refused and left alone", async () => {
    const database = new TestDatabase()
    const { address } = database
    const root = await database.connect()
    await root.query('CREATE TABLE orders (order_id INT)')
    expect(await refusal(address)).toBe(
      'holds tables of another program. ' +
        'Give the chat a database of its own: CREATE DATABASE chat CHARACTER SET utf8mb4',
    )
    expect((await root.query('SHOW TABLES'))[0]).toHaveLength(1)
  })

  test('a database of a newer version is refused', async () => {
    const database = new TestDatabase()
    const { address } = database
    const root = await database.connect()
    await open(address)
    await root.query('UPDATE chat_schema SET version = version + 1')
    const versions = `schema ${SCHEMA_VERSION + 1}, this program knows ${SCHEMA_VERSION}`
    const message = `was written by a newer version (${versions}). Update this program.`
    expect(await refusal(address)).toBe(message)
    expect(await refusal(address, {})).toBe(message)
  })

  test('a command beside the services creates nothing', async () => {
    const database = new TestDatabase()
    const { address } = database
    const root = await database.connect()
    expect(await refusal(address, {})).toBe('is empty. Start the chat first.')
    expect((await root.query('SHOW TABLES'))[0]).toEqual([])
  })
})
