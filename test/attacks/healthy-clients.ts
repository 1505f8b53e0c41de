import { HealthyReceiver } from './healthy-receiver.ts'
import { HealthySender } from './healthy-sender.ts'
import type { Headers } from './mode.ts'
import { Noise } from './noise.ts'
import { Waits } from './waits.ts'

/** Not where attackers are. */
const LOCAL_ADDRESS = '127.0.0.2'
/** Whom they write to. Attackers know this number, and may type to it, as anybody may. */
export const VICTIM_ID = 900_000
const SENDER_IDS = Array.from({ length: 20 }, (_, at) => VICTIM_ID + 1 + at)

export interface HealthyOptions {
  apiUrl: string
  daemonUrl: string
  pids: { api: number; daemon: number }
  headersOf?: ((userId: number) => Headers) | undefined
}

/** People who use the chat while it is attacked, as anybody would: they write, and one is told. */
export class HealthyClients {
  readonly #noises: Noise[]
  readonly #sender: HealthySender
  readonly #receiver: HealthyReceiver

  private constructor(noises: Noise[], sender: HealthySender, receiver: HealthyReceiver) {
    this.#noises = noises
    this.#sender = sender
    this.#receiver = receiver
  }

  /** Resolves when they are at it. */
  static async start(options: HealthyOptions): Promise<HealthyClients> {
    const { apiUrl, daemonUrl, pids, headersOf = () => ({}) } = options
    const [apiNoise, daemonNoise] = [new Noise(pids.api), new Noise(pids.daemon)]
    const here = { localAddress: LOCAL_ADDRESS }
    const receiver = await HealthyReceiver.connect({
      ...here,
      daemonUrl,
      userId: VICTIM_ID,
      headers: headersOf(VICTIM_ID),
      waits: new Waits(daemonNoise),
    })
    const sender = new HealthySender({
      ...here,
      apiUrl,
      userIds: SENDER_IDS,
      receiverId: VICTIM_ID,
      headersOf,
      waits: new Waits(apiNoise),
      onAcknowledged: (messageId) => receiver.expect(messageId),
    })
    sender.start()
    return new HealthyClients([apiNoise, daemonNoise], sender, receiver)
  }

  /** For an answer of the API. */
  get httpWaits(): Waits {
    return this.#sender.waits
  }

  /** For what was acknowledged to be told, and for pongs. */
  get socketWaits(): Waits {
    return this.#receiver.waits
  }

  /** What did not go as it should. */
  get failures(): string[] {
    return [...this.#sender.failures, ...this.#receiver.failures]
  }

  /** Resolves when everything is answered and told, or was waited for long enough. */
  async stop(): Promise<void> {
    await this.#sender.stop()
    await this.#receiver.stop()
    for (const noise of this.#noises) noise.stop()
  }
}
