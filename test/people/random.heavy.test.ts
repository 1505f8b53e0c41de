import {
  assert as assertProperty,
  asyncProperty,
  boolean,
  constant,
  integer,
  nat,
  oneof,
  record,
} from 'fast-check'
import { expect, test } from 'vitest'
import { post, sendText, TestDevice } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startDaemon } from '../support/processes.ts'
import { Steps } from '../support/steps.ts'
import { waitFor } from '../support/wait.ts'

// The promise of delivery, held against histories that nobody would think of: whatever 20 users with
// two devices each, two API processes and a daemon that keeps being killed do, in the end each device
// has been told each message to its user exactly once and in order.

const USERS = 20
const DEVICES_PER_USER = 2
const STEPS = 300
const RUNS = 3
/** A failing run is repeated with ever fewer steps; this long at most, then the shortest is shown. */
const SHRINKING_MS_MAX = 90_000

// To repeat a failure: RANDOM_SEED=… RANDOM_PATH=… npx vitest run … test/people/random.heavy.test.ts
const SEED = Number(process.env.RANDOM_SEED ?? Date.now() % 2 ** 31)
const PATH = process.env.RANDOM_PATH ?? ''

const device = nat(USERS * DEVICES_PER_USER - 1)
const api = nat(1)
const step = oneof(
  { weight: 8, arbitrary: record({ kind: constant('connect' as const), device }) },
  { weight: 4, arbitrary: record({ kind: constant('disconnect' as const), device }) },
  {
    weight: 14,
    arbitrary: record({
      kind: constant('send' as const),
      from: nat(USERS - 1),
      to: nat(USERS - 2),
      api,
      isAwaited: boolean(),
    }),
  },
  // A device that comes back just as several others write to it: the replay races the live events.
  {
    weight: 6,
    arbitrary: record({
      kind: constant('rush' as const),
      device,
      api,
      count: integer({ min: 1, max: 8 }),
    }),
  },
  // An app whose request timed out says it again; what it says again may still be under way.
  { weight: 4, arbitrary: record({ kind: constant('retry' as const), sent: nat(STEPS), api }) },
  { weight: 4, arbitrary: record({ kind: constant('read' as const), device, api }) },
  {
    weight: 1,
    arbitrary: record({
      kind: constant('restart' as const),
      isKilled: boolean(),
      isAwaited: boolean(),
    }),
  },
)
type Step = typeof step extends { generate(...args: never[]): { value: infer S } } ? S : never

test(`each message arrives exactly once and in order, whatever happens (seed ${SEED})`, async () => {
  console.info(`random.heavy.test.ts: RANDOM_SEED=${SEED}`)
  const property = asyncProperty(new Steps(step, STEPS), async (steps) => {
    const world = await World.start()
    try {
      for (const one of steps) await world.take(one)
      await world.settle()
      world.check()
    } finally {
      await world.stop()
    }
  })
  await assertProperty(property, {
    seed: SEED,
    path: PATH,
    numRuns: RUNS,
    // Not interruptAfterTimeLimit: a run that is left halfway goes on starting processes.
    skipAllAfterTimeLimit: SHRINKING_MS_MAX,
  })
}, 240_000)

type Api = Awaited<ReturnType<typeof startApi>>
type Daemon = Awaited<ReturnType<typeof startDaemon>>

interface Sent {
  from: number
  to: number
  name: string
  /** What each try was answered. */
  messageIds: number[]
}

/** Two API processes and a daemon on one database, and everybody who uses them. */
class World {
  readonly #folder: string
  readonly #apis: Api[]
  readonly #devices: TestDevice[] = []
  readonly #sent: Sent[] = []
  /** What goes on beside the steps. */
  readonly #underWay: Promise<unknown>[] = []
  #daemon: Daemon
  #restart: Promise<void> = Promise.resolve()

  constructor(folder: string, apis: Api[], daemon: Daemon) {
    this.#folder = folder
    this.#apis = apis
    this.#daemon = daemon
    for (let index = 0; index < USERS * DEVICES_PER_USER; index++) {
      this.#devices.push(new TestDevice((index % USERS) + 1))
    }
  }

  static async start(): Promise<World> {
    const folder = temporaryFolder()
    const [one, two, daemon] = await Promise.all([
      startApi(folder),
      startApi(folder),
      startDaemon(folder),
    ])
    return new World(folder, [one, two], daemon)
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'connect':
        return this.#connect(this.#devices[step.device] as TestDevice)
      case 'disconnect':
        return this.#devices[step.device]?.disconnect()
      case 'send':
        return this.#send(step)
      case 'rush':
        return this.#rush(step)
      case 'retry':
        return this.#retry(step.sent, step.api)
      case 'read':
        return this.#read(this.#devices[step.device] as TestDevice, step.api)
      case 'restart':
        return this.#restartDaemon(step)
    }
  }

  /** Everything under way comes to its end, and everybody reconnects and hears one last message. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay)
    await this.#restart
    await Promise.all(this.#devices.map((device) => device.connect(this.#daemon.url)))
    for (let userId = 1; userId <= USERS; userId++) {
      const last = await sendText(this.#apiUrl(0), USERS + 1, userId, 'The last')
      this.#sent.push({ from: USERS + 1, to: userId, name: '', messageIds: [last.message_id] })
      for (const device of this.#devicesOf(userId)) {
        const isHere = () => device.messageIds.includes(last.message_id)
        await waitFor(isHere, `the last message to user ${userId}`)
      }
    }
  }

  check(): void {
    for (const { name, messageIds } of this.#sent) {
      expect(new Set(messageIds).size, `messages made by the tries of ${name}`).toBe(1)
    }
    for (const device of this.#devices) {
      const toUser = this.#sent.filter(({ to }) => to === device.userId)
      const expected = toUser.map(({ messageIds }) => messageIds[0] as number)
      expected.sort((a, b) => a - b)
      expect(device.messageIds, `what a device of user ${device.userId} was told`).toEqual(expected)
      expect(device.recovered).not.toContain(false)
    }
  }

  async stop(): Promise<void> {
    for (const device of this.#devices) device.disconnect()
    await Promise.allSettled([...this.#underWay, this.#restart])
    await Promise.all([...this.#apis, this.#daemon].map(({ program }) => program.kill()))
  }

  /** While the daemon is down this fails, as it does for anybody. */
  async #connect(device: TestDevice): Promise<void> {
    await device.connect(this.#daemon.url).catch(() => device.disconnect())
  }

  async #send({ from, to, api, isAwaited }: Step & { kind: 'send' }): Promise<void> {
    // The receiver is anybody but the sender.
    const answered = this.#sendNew(from + 1, to < from ? to + 1 : to + 2, api)
    if (isAwaited) await answered
  }

  async #rush({ device: index, api, count }: Step & { kind: 'rush' }): Promise<void> {
    const device = this.#devices[index] as TestDevice
    for (let other = 1; other <= count; other++) {
      const from = ((device.userId - 1 + other) % USERS) + 1
      this.#sendNew(from, device.userId, (api + other) % this.#apis.length)
    }
    await this.#connect(device)
  }

  #sendNew(from: number, to: number, api: number): Promise<void> {
    const sent = { from, to, name: `send-${this.#sent.length}`, messageIds: [] }
    this.#sent.push(sent)
    return this.#post(sent, api)
  }

  #retry(index: number, api: number): void {
    const sent = this.#sent[index % Math.max(1, this.#sent.length)]
    if (sent !== undefined) this.#post(sent, api)
  }

  #post(sent: Sent, api: number): Promise<void> {
    const posted = this.#postUntilAcknowledged(sent, api)
    this.#underWay.push(posted)
    // Whoever awaits it hears of a failure; until then it is not one that nobody handles.
    posted.catch(() => {})
    return posted
  }

  /** An app tries again for as long as it is told to. */
  async #postUntilAcknowledged(sent: Sent, api: number): Promise<void> {
    const { from: sender_id, to: receiver_id, name: client_message_id } = sent
    const message = { sender_id, receiver_id, message: client_message_id, client_message_id }
    await waitFor(async () => {
      const { status, body } = await post(`${this.#apiUrl(api)}/send_chat_message.php`, message)
      if (status === 200) sent.messageIds.push(body.data.message_id)
      else expect(status).toBe(503)
      return status === 200
    }, 'an acknowledgement')
  }

  #read(device: TestDevice, api: number): void {
    const { userId: user_id, lastMessageId: message_id } = device
    if (message_id === 0) return
    if (device.isConnected) device.read()
    else this.#underWay.push(post(`${this.#apiUrl(api)}/mark_as_read.php`, { user_id, message_id }))
  }

  async #restartDaemon({ isKilled, isAwaited }: Step & { kind: 'restart' }): Promise<void> {
    await this.#restart
    const { program } = this.#daemon
    this.#restart = (async () => {
      await (isKilled ? program.kill() : program.stop())
      this.#daemon = await startDaemon(this.#folder)
    })()
    if (isAwaited) await this.#restart
  }

  #apiUrl(index: number): string {
    return this.#apis[index]?.url as string
  }

  #devicesOf(userId: number): TestDevice[] {
    return this.#devices.filter((device) => device.userId === userId)
  }
}
