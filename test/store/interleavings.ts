import {
  array,
  assert as assertProperty,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  option,
  record,
} from 'fast-check'
import { expect } from 'vitest'
import type { Message, QueuedEvent, Receipt } from '../../src/chat/model.ts'
import type { EventTail } from '../../src/chat/store.ts'
import { hasCode } from '../../src/errors.ts'
import { dataOf, idsOf, type OpenedStore, type Promises } from './opened-store.ts'

const USERS = 4
const STEPS_MAX = 40
const RUNS = 100

/** What is waited for before the next step. */
const pause = constantFrom('nothing', 'turn', 'all')
const program = constantFrom('api' as const, 'daemon' as const)
const user = nat(USERS - 1)
/** Another user: so many places after that one. */
const other = integer({ min: 1, max: USERS - 1 })
const step = oneof(
  {
    weight: 8,
    arbitrary: record({
      kind: constant('send' as const),
      user,
      other,
      // A second send of a name is a retry; a name is of one receiver.
      name: option(integer({ min: 1, max: USERS - 1 })),
      program,
      pause,
    }),
  },
  {
    weight: 3,
    arbitrary: record({ kind: constant('mark' as const), user, other, program, pause }),
  },
  {
    weight: 1,
    arbitrary: record({ kind: constant('block' as const), user, other, isOn: boolean(), pause }),
  },
  { weight: 4, arbitrary: record({ kind: constant('read' as const), limit: nat(4), pause }) },
  { weight: 2, arbitrary: record({ kind: constant('delete' as const), pause }) },
  { weight: 2, arbitrary: record({ kind: constant('recover' as const), user, pause }) },
  { weight: 3, arbitrary: record({ kind: constant('move' as const), user, pause }) },
)
type Step = typeof step extends { generate(...args: never[]): { value: infer S } } ? S : never
type Send = Extract<Step, { kind: 'send' }>
type Mark = Extract<Step, { kind: 'mark' }>
type Block = Extract<Step, { kind: 'block' }>

export const interleavings: Promises = {
  'whatever is sent, retried and read at the same time, all of it arrives once and in order':
    async (open) => {
      const store = await open()
      const tail = store.daemon.events.tail()
      let runs = 0
      const property = asyncProperty(
        array(step, { maxLength: STEPS_MAX, size: 'max' }),
        boolean(),
        (steps, areAllHere) => {
          runs += 1
          return new Run(store, tail, runs * USERS, areAllHere).take(steps)
        },
      )
      await assertProperty(property, { numRuns: RUNS })
    },
}

/** A user who comes to a daemon: live events are held until the messages missed are read. */
interface Arrival {
  held: number[]
  /** The last message that was missed; undefined while they are being read. */
  through: number | undefined
}

/**
 * One run, with users of its own, over two programs on one store; a tail reads along, for all users or
 * for those who are there.
 */
class Run {
  readonly #store: OpenedStore
  readonly #tail: EventTail
  readonly #areAllHere: boolean
  readonly #here = new Map<number, Arrival>()
  /** What each user was told, in recovery or live. */
  readonly #messageIds = new Map<number, number[]>()
  readonly #firstUserId: number
  readonly #userIds: number[]
  readonly #sends: { message: Message; isNew: boolean; retried: string | undefined }[] = []
  readonly #receipts: { userId: number; receipt: Receipt }[] = []
  readonly #events: QueuedEvent[] = []
  readonly #underWay: Promise<unknown>[] = []
  readonly #failures: unknown[] = []

  constructor(store: OpenedStore, tail: EventTail, firstUserId: number, areAllHere: boolean) {
    this.#store = store
    this.#tail = tail
    this.#firstUserId = firstUserId
    this.#userIds = Array.from({ length: USERS }, (_, index) => firstUserId + index)
    this.#areAllHere = areAllHere
    for (const userId of this.#userIds) {
      this.#messageIds.set(userId, [])
      if (areAllHere) this.#here.set(userId, { held: [], through: 0 })
    }
  }

  async take(steps: Step[]): Promise<void> {
    for (const one of steps) {
      await this.#take(one)
      if (one.pause === 'turn') await new Promise(setImmediate)
      if (one.pause === 'all') await Promise.all(this.#underWay)
    }
    await Promise.all(this.#underWay)
    expect(this.#failures).toEqual([])
    for (const userId of this.#userIds) if (!this.#here.has(userId)) await this.#join(userId)
    await this.#readAll()
    this.#checkRetries()
    for (const userId of this.#userIds) {
      this.#checkMessages(userId)
      if (this.#areAllHere) this.#checkReceipts(userId)
      await this.#checkCounts(userId)
    }
  }

  #take(one: Step): Promise<unknown> | undefined {
    switch (one.kind) {
      case 'send':
        return this.#start(this.#send(one))
      case 'mark':
        return this.#start(this.#mark(one))
      case 'block':
        return this.#start(this.#block(one))
      case 'delete':
        return this.#start(this.#tail.deleteRead(new Set()))
      case 'read':
        return this.#read(one.limit + 1)
      case 'move':
        return this.#start(this.#move(this.#userId(one.user)))
      case 'recover':
        return this.#recover(this.#userId(one.user))
    }
  }

  #userId(user: number): number {
    return this.#firstUserId + (user % USERS)
  }

  /** Does not wait for it. Some sends are blocked, and some users do not exist yet. */
  #start(work: Promise<unknown>): undefined {
    const isRefused = (error: unknown) => hasCode(error, 'forbidden') || hasCode(error, 'not_found')
    this.#underWay.push(work.catch((error) => isRefused(error) || this.#failures.push(error)))
  }

  async #send({ user, other, name, program }: Send): Promise<void> {
    const senderId = this.#userId(user)
    const posted = await this.#store[program].messages.post({
      senderId,
      receiverId: this.#userId(user + (name ?? other)),
      message: 'Hello',
      clientMessageId: name === null ? undefined : String(name),
    })
    this.#sends.push({ ...posted, retried: name === null ? undefined : `${senderId} ${name}` })
  }

  async #mark({ user, other, program }: Mark): Promise<void> {
    const userId = this.#userId(user)
    const mark = { otherUserId: this.#userId(user + other) }
    const receipt = await this.#store[program].messages.markRead(userId, mark)
    this.#receipts.push({ userId, receipt })
  }

  #block({ user, other, isOn }: Block): Promise<void> {
    const { blocks } = this.#store.api
    const [userId, otherUserId] = [this.#userId(user), this.#userId(user + other)]
    return isOn ? blocks.block(userId, otherUserId, true) : blocks.unblock(userId, otherUserId)
  }

  async #readAll(): Promise<void> {
    while (await this.#read(100));
  }

  /** An event that can be read brings a message that can be read. Returns whether any came. */
  async #read(limit: number): Promise<boolean> {
    const events = await this.#tail.read(limit, this.#areAllHere ? undefined : this.#here)
    for (const event of events) {
      this.#tail.acknowledge(event)
      // What a run before left behind when it failed is no part of this one.
      if (event.userId === null || !this.#userIds.includes(event.userId)) continue
      this.#events.push(event)
      if (event.messageId === null) continue
      this.#tell(event.userId, event.messageId)
      const { messages } = await this.#store.daemon.messages.since(
        event.userId,
        event.messageId - 1,
        1,
      )
      expect(idsOf(messages)).toEqual([event.messageId])
      expect(dataOf(event).message_id).toBe(event.messageId)
    }
    return events.length > 0
  }

  /** A message that can be read has its event, now and not later. */
  async #recover(userId: number): Promise<void> {
    if (!this.#areAllHere) return
    const { messages } = await this.#store.daemon.messages.since(userId, 0, 1_000)
    await this.#readAll()
    expect(this.#idsOf(userId)).toEqual(expect.arrayContaining(idsOf(messages)))
  }

  /** Comes to the daemon, with the id of the last message; or leaves it. */
  async #move(userId: number): Promise<void> {
    const arrival = this.#here.get(userId)
    if (arrival === undefined) await this.#join(userId)
    else if (arrival.through !== undefined && !this.#areAllHere) this.#here.delete(userId)
  }

  async #join(userId: number): Promise<void> {
    const arrival: Arrival = { held: [], through: undefined }
    this.#here.set(userId, arrival)
    const ids = this.#idsOf(userId)
    const { messages } = await this.#store.daemon.messages.since(userId, ids.at(-1) ?? 0, 1_000)
    ids.push(...idsOf(messages))
    const through = ids.at(-1) ?? 0
    arrival.through = through
    ids.push(...arrival.held.filter((id) => id > through))
  }

  #tell(userId: number, messageId: number): void {
    const arrival = this.#here.get(userId)
    if (arrival === undefined) return
    if (arrival.through === undefined) arrival.held.push(messageId)
    else if (messageId > arrival.through) this.#idsOf(userId).push(messageId)
  }

  #idsOf(userId: number): number[] {
    return this.#messageIds.get(userId) as number[]
  }

  /** All tries of one name got the same answer, and one of them made the message. */
  #checkRetries(): void {
    const made = new Map<string, number>()
    for (const { retried, message, isNew } of this.#sends) {
      if (retried === undefined) expect(isNew).toBe(true)
      else if (isNew) {
        expect(made.has(retried)).toBe(false)
        made.set(retried, message.messageId)
      }
    }
    for (const { retried, message } of this.#sends) {
      if (retried !== undefined) expect(message.messageId).toBe(made.get(retried))
    }
  }

  /** Each acknowledged message was told exactly once, in the order of the ids. */
  #checkMessages(userId: number): void {
    const made = this.#sends.filter(({ isNew, message }) => isNew && message.receiverId === userId)
    const ids = idsOf(made.map(({ message }) => message)).sort((a, b) => a - b)
    expect(this.#idsOf(userId)).toEqual(ids)
  }

  /** The reader was told of each receipt that changed something, forwards in each conversation. */
  #checkReceipts(userId: number): void {
    const told = this.#events
      .filter((event) => event.event === 'chat:read' && event.userId === userId)
      .map(dataOf)
      .filter(({ read_by }) => read_by === userId)
    const given = this.#receipts.filter((one) => one.userId === userId && one.receipt.readCount > 0)
    expect(told).toHaveLength(given.length)
    const last = new Map<unknown, number>()
    for (const { conversation_id, message_id } of told) {
      expect(message_id).toBeGreaterThan(last.get(conversation_id) ?? 0)
      last.set(conversation_id, message_id as number)
    }
  }

  /** What stands in the list of conversations is what counting the messages comes to. */
  async #checkCounts(userId: number): Promise<void> {
    const { conversations, messages } = this.#store.api
    const page = { limit: 1_000, offset: 0 }
    for (const { conversationId, unreadCount, lastMessage } of await conversations.list(
      userId,
      page,
    )) {
      const history = (await messages.history(conversationId, page, userId)).messages
      const received = history.filter(({ receiverId }) => receiverId === userId)
      expect(unreadCount).toBe(received.filter(({ readAt }) => readAt === null).length)
      expect(lastMessage.messageId).toBe(history.at(-1)?.messageId)
      const marked = this.#receipts
        .filter((one) => one.userId === userId && one.receipt.conversationId === conversationId)
        .reduce((sum, { receipt }) => sum + receipt.readCount, 0)
      expect(marked).toBe(received.length - unreadCount)
    }
  }
}
