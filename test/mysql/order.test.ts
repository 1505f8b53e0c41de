import { array, assert, asyncProperty, boolean, integer, nat, record } from 'fast-check'
import type { Connection } from 'mysql2/promise'
import { describe, expect, test } from 'vitest'
import type { EventTail } from '../../src/chat/store.ts'
import { readAll } from '../store/opened-store.ts'
import { port, TestDatabase } from './open-mysql.ts'

/** Programs whose transactions are open at the same time. */
const WRITERS = 4
/** Few, so that they meet. */
const USERS = 3
const RUNS = 60

/**
 * A step: the transaction of a writer begins and inserts an event, or ends if it is open; the one
 * after the last writer is the reader, which polls.
 */
const histories = array(
  record({
    writer: nat(WRITERS),
    userId: integer({ min: 1, max: USERS }),
    isCommitted: boolean(),
  }),
  { minLength: 12, maxLength: 30 },
)
interface Step {
  writer: number
  userId: number
  isCommitted: boolean
}

/** A queue of events that transactions write to and a reader polls. */
interface Queue {
  insert(connection: Connection, userId: number, name: string): Promise<unknown>
  /** Returns the names of the events that it has not returned before. */
  poll(): Promise<string[]>
}

describe.skipIf(port === undefined)('transactions that overlap', () => {
  test('every event that is committed is read once, and those of a user in their order', async () => {
    const database = new TestDatabase()
    const { store } = await database.open()
    const writers = await connectWriters(database)
    const queue = queueOf(store.events.tail())
    const isInOrder = asyncProperty(histories, async (steps) => {
      const { committed, read } = await new History(writers, queue).play(steps)
      expect(read).toHaveLength(committed.length)
      for (let userId = 1; userId <= USERS; userId++) {
        const isOfUser = (name: string) => name.startsWith(`${userId} `)
        expect(read.filter(isOfUser)).toEqual(committed.filter(isOfUser))
      }
    })
    await assert(isInOrder, { numRuns: RUNS })
  })

  test('the same histories lose events where ids are polled, which AUTO_INCREMENT gives', async () => {
    const database = new TestDatabase()
    const writers = await connectWriters(database)
    const reader = await database.connect()
    await reader.query('CREATE TABLE events (id BIGINT AUTO_INCREMENT PRIMARY KEY, name TEXT)')
    const isComplete = asyncProperty(histories, async (steps) => {
      const { committed, read } = await new History(writers, plainQueue(reader)).play(steps)
      expect(read.toSorted()).toEqual(committed.toSorted())
    })
    await expect(assert(isComplete, { numRuns: RUNS, endOnFailure: true })).rejects.toThrow()
  })
})

function connectWriters(database: TestDatabase): Promise<Connection[]> {
  return Promise.all(Array.from({ length: WRITERS }, () => database.connect()))
}

/** As any program writes to pending_events. */
function queueOf(tail: EventTail): Queue {
  return {
    insert: (connection, userId, name) =>
      connection.query("INSERT INTO pending_events (event, user_id, data) VALUES (?, ?, '{}')", [
        name,
        userId,
      ]),
    poll: async () => (await readAll(tail)).map(({ event }) => event),
  }
}

function plainQueue(reader: Connection): Queue {
  let lastId = 0
  return {
    insert: (connection, _, name) =>
      connection.query('INSERT INTO events (name) VALUES (?)', [name]),
    poll: async () => {
      const [rows] = await reader.query('SELECT id, name FROM events WHERE id > ? ORDER BY id', [
        lastId,
      ])
      const events = rows as { id: number; name: string }[]
      lastId = events.at(-1)?.id ?? lastId
      return events.map(({ name }) => name)
    },
  }
}

interface Open {
  connection: Connection
  userId: number
  name: string
  isCommitted: boolean
  /** Pending while another transaction holds the shard. */
  inserted: Promise<unknown>
}

let eventCount = 0

/** One history: what was committed, in its order, and what was read. */
class History {
  readonly #writers: Connection[]
  readonly #queue: Queue
  readonly #open = new Map<number, Open>()
  /** By user, the writer that has the shard; the server decides who is next. */
  readonly #holders = new Map<number, number>()
  readonly #committed: string[] = []
  readonly #read: string[] = []

  constructor(writers: Connection[], queue: Queue) {
    this.#writers = writers
    this.#queue = queue
  }

  async play(steps: Step[]): Promise<{ committed: string[]; read: string[] }> {
    for (const step of steps) await this.#take(step)
    while (this.#open.size > 0) {
      for (const writer of [...this.#open.keys()]) await this.#end(writer)
    }
    this.#read.push(...(await this.#queue.poll()))
    return { committed: this.#committed, read: this.#read }
  }

  async #take({ writer, userId, isCommitted }: Step): Promise<void> {
    if (writer === WRITERS) this.#read.push(...(await this.#queue.poll()))
    else if (this.#open.has(writer)) await this.#end(writer)
    else await this.#begin(writer, userId, isCommitted)
  }

  async #begin(writer: number, userId: number, isCommitted: boolean): Promise<void> {
    const connection = this.#writers[writer] as Connection
    eventCount += 1
    const name = `${userId} ${eventCount}`
    await connection.query('START TRANSACTION')
    const inserted = this.#queue.insert(connection, userId, name)
    this.#open.set(writer, { connection, userId, name, isCommitted, inserted })
    if (this.#holders.has(userId)) return
    this.#holders.set(userId, writer)
    await inserted
  }

  /** One that waits for another's lock cannot end yet. */
  async #end(writer: number): Promise<void> {
    const { connection, userId, name, isCommitted } = this.#open.get(writer) as Open
    if (this.#holders.get(userId) !== writer) return
    await connection.query(isCommitted ? 'COMMIT' : 'ROLLBACK')
    this.#open.delete(writer)
    this.#holders.delete(userId)
    if (isCommitted) this.#committed.push(name)
    const waiting = [...this.#open].filter(([, other]) => other.userId === userId)
    if (waiting.length === 0) return
    const next = waiting.map(([other, { inserted }]) => inserted.then(() => other))
    this.#holders.set(userId, await Promise.race(next))
  }
}
