import { createPool, type Pool } from 'mysql2/promise'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Limit } from '../../src/limits/limit.ts'
import type { LimitStore } from '../../src/limits/limit-store.ts'
import { limits } from '../../src/limits/limits.ts'
import { RateLimit } from '../../src/limits/rate-limit.ts'
import { UploadLimits } from '../../src/media/upload-limits.ts'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { freePort } from '../support/network.ts'
import { waitFor } from '../support/wait.ts'

const TABLE = `
  CREATE TABLE rate_limits (
    \`key\`  VARBINARY(100) NOT NULL PRIMARY KEY,
    points BIGINT NOT NULL,
    expire BIGINT UNSIGNED NOT NULL
  ) ENGINE = MEMORY
`
const ROW: Limit = {
  what: 'calls',
  max: '',
  seconds: 60,
  per: 'user',
  beyond: '429',
  refusal: 'Slow down',
  reason: '',
}
const SLOW_DOWN = { code: 'too_many', message: 'Slow down' }
const JOHN = 1928798
const JANE = 1928800

function poolOf(port: number | undefined): Pool {
  const pool = createPool({ host: '127.0.0.1', port: port as number, user: 'root' })
  onTestFinished(() => pool.end())
  return pool
}

/** The name of a database with an empty table of counts. @param tableBytes the room of the table */
async function createCounts(tableBytes = 16 * 1024 * 1024): Promise<string> {
  const database = new TestDatabase()
  const root = await database.connect()
  await root.query('SET max_heap_table_size = ?', [tableBytes])
  await root.query(TABLE)
  return database.address.database
}

/** As one API reaches it. */
function openStore(database: string, ofPort = port): LimitStore {
  const pool = poolOf(ofPort)
  const query = async (sql: string, values: unknown[]) => (await pool.query(sql, values))[0]
  return { database, query }
}

/** The same limit in two APIs, which share nothing but the database. */
async function inTwoApis(max: number, row: Partial<Limit> = {}) {
  const database = await createCounts()
  const limitInApi = () => new RateLimit({ ...ROW, ...row }, max, openStore(database))
  return [limitInApi(), limitInApi(), database] as const
}

describe.skipIf(port === undefined)('limits over several APIs', () => {
  test('the last of a share is counted in either API, and one more is rejected in both', async () => {
    const [one, other] = await inTwoApis(3)
    await one.count(JOHN)
    await other.count(JOHN)
    await other.check(JOHN)
    await one.count(JOHN)

    for (const limit of [one, other]) {
      await expect(limit.count(JOHN)).rejects.toMatchObject({ ...SLOW_DOWN, retryAfterSeconds: 60 })
      await expect(limit.check(JOHN)).rejects.toMatchObject(SLOW_DOWN)
      expect(await limit.tryCount(JOHN)).toBe(false)
    }
  })

  test('users do not share, nor do the limits of one user', async () => {
    const [messages, other, database] = await inTwoApis(1, { what: 'messages' })
    const blocks = new RateLimit({ ...ROW, what: 'blocks' }, 1, openStore(database))
    await messages.count(JOHN)

    expect(await other.tryCount(JOHN)).toBe(false)
    await other.count(JANE)
    await blocks.count(JOHN)
  })

  test('what is rejected is not counted', async () => {
    const [one, other] = await inTwoApis(3)
    await one.count(JOHN, 2)
    await expect(other.count(JOHN, 2)).rejects.toMatchObject(SLOW_DOWN)

    await one.count(JOHN)
    await expect(other.count(JOHN)).rejects.toMatchObject(SLOW_DOWN)
  })

  test('what one API gives back can be used in the other, and no more than was counted', async () => {
    const [one, other] = await inTwoApis(2)
    await one.giveBack(JOHN)
    await one.count(JOHN, 2)
    await one.giveBack(JOHN, 5)

    await other.count(JOHN, 2)
    await expect(one.count(JOHN)).rejects.toMatchObject(SLOW_DOWN)
  })

  test('when the window ends, the share is there again in both', async () => {
    const [one, other] = await inTwoApis(2, { seconds: 1 })
    await one.count(JOHN, 2)
    await expect(other.count(JOHN)).rejects.toMatchObject({ retryAfterSeconds: 1 })

    await waitFor(() => other.tryCount(JOHN), 'the second to be over')
    await one.count(JOHN)
  })

  test('of fifty at once in both APIs no more than the share is counted', async () => {
    const [one, other] = await inTwoApis(20)
    const attempts = Array.from({ length: 50 }, (_, index) => [one, other][index % 2] as RateLimit)
    const counted = await Promise.all(attempts.map((limit) => limit.tryCount(JOHN)))

    let count = counted.filter(Boolean).length
    expect(count).toBeLessThanOrEqual(20)
    // Nothing of what was rejected is left behind.
    while (await one.tryCount(JOHN)) count += 1
    expect(count).toBe(20)
  })

  test('files and their bytes are counted over both APIs', async () => {
    const database = await createCounts()
    const config = { uploadRateLimit: 3, uploadBytesPerDay: 3 * 2 ** 40 }
    const inApi = () => new UploadLimits(config, openStore(database))
    const [one, other] = [inApi(), inApi()]
    await one.count(JOHN, 2 ** 41)
    await expect(other.count(JOHN, 2 ** 41)).rejects.toThrow('You have sent too much for one day')
    await other.count(JOHN, 2 ** 40)

    await expect(one.begin(JOHN, '203.0.113.1')).rejects.toThrow('You send too many files')
    await one.begin(JANE, '203.0.113.1')
  })

  test('there is room for the longest key: an address, under the longest name', async () => {
    const [one, other] = await inTwoApis(1, { what: limits.requests.what })
    const address = `${'fe80:'.repeat(8).slice(0, -1)}%${'x'.repeat(15)}`
    await one.count(address)

    expect(await other.tryCount(address)).toBe(false)
  })

  test('while the table has no room, each API counts for itself', async () => {
    const database = await createCounts(16 * 1024)
    const store = openStore(database)
    const limit = new RateLimit(ROW, 1, store)
    const users = Array.from({ length: 500 }, (_, index) => index + 1)
    for (const userId of users) await limit.count(userId)

    const insert = store.query(`INSERT INTO ${database}.rate_limits VALUES ('x', 1, 1)`, [])
    await expect(insert).rejects.toMatchObject({ code: 'ER_RECORD_FILE_FULL' })
    for (const userId of users) expect(await limit.tryCount(userId)).toBe(false)
  })
})

test('while the database is away, each API counts for itself', async () => {
  const limit = new RateLimit(ROW, 2, openStore('away', await freePort()))
  await limit.check(JOHN)
  await limit.count(JOHN, 2)

  await expect(limit.count(JOHN)).rejects.toMatchObject(SLOW_DOWN)
  await expect(limit.check(JOHN)).rejects.toMatchObject(SLOW_DOWN)
  await limit.giveBack(JOHN)
  await limit.count(JOHN)
})
