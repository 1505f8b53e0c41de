import { describe, expect, test } from 'vitest'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { range } from '../store/opened-store.ts'
import { post } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat } from '../support/processes.ts'
import type { Environment } from '../support/running-program.ts'
import { TestShop } from '../support/shop.ts'
import { waitFor } from '../support/wait.ts'

const RECEIVERS = range(20).map((number) => 100 + number)
/** For each of them. */
const TEXTS = range(20).map((number) => `text ${number}`)
/** A claim of a process that was killed lasts 15 s. */
const ARRIVAL_MS_MAX = 90_000

/** Both programs, which can be killed and are then started again. */
class Chat {
  readonly #folder = temporaryFolder()
  readonly #settings: Environment
  #running: Awaited<ReturnType<typeof startChat>> | undefined

  constructor(settings: Environment) {
    this.#settings = settings
  }

  get url(): string | undefined {
    return this.#running?.api.url
  }

  async start(): Promise<void> {
    this.#running = await startChat(this.#settings, this.#folder)
  }

  /** kill -9 of both at once, then a start of both. */
  async crash(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await Promise.all([running?.api.program.kill(), running?.daemon.program.kill()])
    await this.start()
  }
}

/** Sends the texts to a receiver one after the other, each until it is acknowledged. */
async function sendAll(chat: Chat, receiverId: number, onSent: () => void): Promise<void> {
  for (const text of TEXTS) {
    const message = { sender_id: 1, receiver_id: receiverId, message: text }
    const named = { ...message, client_message_id: `${receiverId} ${text}` }
    const isSent = async () => {
      const answer = await post(`${chat.url}/send_chat_message.php`, named).catch(() => undefined)
      return answer?.status === 200
    }
    await waitFor(isSent, text)
    onSent()
  }
}

async function pushThroughCrashes(database: Environment): Promise<void> {
  const shop = await TestShop.closed()
  const chat = new Chat({ ...shop.settings, ...database })
  await chat.start()
  const count = RECEIVERS.length * TEXTS.length
  let sentCount = 0
  const onSent = () => {
    sentCount += 1
  }
  const sending = Promise.all(RECEIVERS.map((userId) => sendAll(chat, userId, onSent)))
  await waitFor(() => sentCount > count / 2, 'half of the sends', ARRIVAL_MS_MAX)
  await chat.crash()
  await sending
  await shop.start()
  await waitFor(() => shop.taken.length > count / 4, 'some pushes', ARRIVAL_MS_MAX)
  await chat.crash()
  const isThere = () => new Set(shop.taken.map(({ id }) => id)).size === count
  await waitFor(isThere, 'every push', ARRIVAL_MS_MAX)

  for (const receiverId of RECEIVERS) {
    // A Set keeps the place at which something came first.
    expect([...new Set(shop.textsFor(receiverId))]).toEqual(TEXTS)
  }
  expect(shop.forged).toEqual([])
  // What was under way when it was killed, at most.
  expect(shop.taken.length - count).toBeLessThanOrEqual(RECEIVERS.length)
}

const TIMEOUT_MS = 4 * ARRIVAL_MS_MAX

test(
  'kill -9 of both programs while the shop is down, and while it catches up, loses and reorders nothing',
  () => pushThroughCrashes({}),
  TIMEOUT_MS,
)

describe.skipIf(port === undefined)('on a MariaDB', () => {
  test(
    'neither is anything lost or reordered there',
    () => pushThroughCrashes({ CHAT_DATABASE: new TestDatabase().url }),
    TIMEOUT_MS,
  )

  test('of several chat-api one posts, and another when that one is gone', async () => {
    const shop = await TestShop.open()
    const settings = { ...shop.settings, CHAT_DATABASE: new TestDatabase().url }
    const apis = await Promise.all(range(2).map(() => startApi(temporaryFolder(), settings)))
    const send = (index: number, message: string) =>
      post(`${apis[index]?.url}/send_chat_message.php`, { sender_id: 1, receiver_id: 2, message })
    for (const text of TEXTS) await send(0, text)
    await waitFor(() => shop.taken.length === TEXTS.length, 'the pushes')
    await apis[0]?.program.stop()
    await send(1, 'from the other')
    await waitFor(() => shop.taken.length > TEXTS.length, 'the push')
    await apis[1]?.program.stop()
    expect(shop.textsFor(2)).toEqual([...TEXTS, 'from the other'])
  })
})
