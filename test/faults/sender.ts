import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { multipart } from '../support/forms.ts'
import { jpegOf, wavOf } from '../support/media.ts'
import { type Answer, acknowledgedId, type Send, type SentFile } from './ledger.ts'
import type { Random } from './random.ts'
import type { Addresses } from './receiver.ts'

/** Longer than the service may take to say that it cannot. */
const ANSWER_MS_MAX = 15_000
const RETRY_MS = 100
const FILE_BYTES_MIN = 1_000
const FILE_BYTES_MAX = 60_000
/** Statuses after which the same send may succeed; nothing was stored. */
const TRY_LATER = [429, 503]

/** The connection to the database was lost during a commit. */
const MAYBE_STORED = 'this may be stored'

/** What is sent, as shares of all sends, and how busily. */
export interface Load {
  /** Users who write, each to everybody else, and who resume when they come back. */
  users: number
  /** From one user's id to the next one's: with 8, and 256 shards, every 32nd shares a shard. */
  userIdStep: number
  /** Users who only read, with the document's own client; 0 where a fault cuts single sockets. */
  plainUsers: number
  /** The longest that every second user stays at one daemon; undefined: all stay. */
  staysMsMax?: number
  /** The longest that a sender waits between an answer and its next send. */
  pauseMsMax: number
  files: number
  /** Sends without a client_message_id. */
  nameless: number
}

export const USUAL_LOAD: Load = {
  users: 12,
  userIdStep: 1,
  plainUsers: 4,
  pauseMsMax: 30,
  files: 0.06,
  nameless: 0.4,
}

/** A user who sends one message after the other, each when the one before is answered. */
export class Sender {
  readonly sends: Send[] = []
  readonly #userId: number
  readonly #addresses: Addresses
  readonly #random: Random
  readonly #onAcknowledged: () => void
  #isWriting = true
  #isPatient = true

  constructor(
    userId: number,
    addresses: Addresses,
    random: Random,
    onAcknowledged: () => void = () => {},
  ) {
    this.#userId = userId
    this.#addresses = addresses
    this.#random = random
    this.#onAcknowledged = onAcknowledged
  }

  /** Resolves after `finish`, when the last send is answered. */
  async write(receiverIds: number[], load: Load): Promise<void> {
    const others = receiverIds.filter((userId) => userId !== this.#userId)
    while (this.#isWriting) {
      await this.send(this.#random.pick(others), load)
      await delay(this.#random.next() * load.pauseMsMax)
    }
  }

  /** Begins nothing new. */
  finish(): void {
    this.#isWriting = false
  }

  /** Stops trying again what is not answered. */
  giveUp(): void {
    this.#isPatient = false
  }

  /** Resolves with the send once it is answered, or given up. */
  async send(receiverId: number, load: Pick<Load, 'files' | 'nameless'>): Promise<Send> {
    const send = this.#compose(receiverId, load)
    this.sends.push(send)
    do {
      if (send.answers.length > 0) await delay(RETRY_MS)
      send.apiUrl = this.#random.pick(this.#addresses.apiUrls)
      send.answers.push(await post(send))
    } while (this.#isPatient && isTriedAgain(send))
    send.answeredAt = performance.now()
    if (acknowledgedId(send) !== undefined) this.#onAcknowledged()
    return send
  }

  #compose(receiverId: number, load: Pick<Load, 'files' | 'nameless'>): Send {
    const random = this.#random
    const padding = '.'.repeat(random.integer(0, 200))
    const now = performance.now()
    const body = `${this.#userId} to ${receiverId}, ${this.sends.length + 1}${padding}`
    return {
      senderId: this.#userId,
      receiverId,
      body,
      file: random.next() < load.files ? composeFile(body, random) : undefined,
      clientMessageId: random.next() < load.nameless ? undefined : randomUUID(),
      apiUrl: '',
      answers: [],
      startedAt: now,
      answeredAt: now,
    }
  }
}

function composeFile(body: string, random: Random): SentFile {
  const kind = random.pick(['image', 'voice'] as const)
  const bytes = random.integer(FILE_BYTES_MIN, FILE_BYTES_MAX)
  const content = kind === 'image' ? jpegOf(bytes) : wavOf(bytes)
  // No two files are alike. What plays or shows them does not mind what stands at the end.
  content.write(body, content.length - Buffer.byteLength(body))
  return { kind, content }
}

function isTriedAgain({ clientMessageId, answers }: Send): boolean {
  const answer = answers.at(-1)
  if (clientMessageId === undefined || answer?.kind === 'acknowledged') return false
  return answer?.kind !== 'refused' || TRY_LATER.includes(answer.status)
}

async function post(send: Send): Promise<Answer> {
  try {
    const response = await fetch(`${send.apiUrl}/send_chat_message.php`, {
      method: 'POST',
      body: formOf(send),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    })
    const { status, message, data } = (await response.json()) as Answered
    if (response.status === 200 && status === 'success') {
      return { kind: 'acknowledged', messageId: data.message_id }
    }
    const isNo = response.status < 500 || TRY_LATER.includes(response.status)
    if (!isNo || message.includes(MAYBE_STORED)) {
      return { kind: 'unknown', reason: `answered ${response.status}` }
    }
    return { kind: 'refused', status: response.status }
  } catch (error) {
    return { kind: 'unknown', reason: String(error) }
  }
}

interface Answered {
  status: string
  message: string
  data: { message_id: number }
}

function formOf({ senderId, receiverId, body, clientMessageId, file }: Send) {
  const fields = {
    sender_id: String(senderId),
    receiver_id: String(receiverId),
    message: body,
    ...(clientMessageId === undefined ? {} : { client_message_id: clientMessageId }),
  }
  if (file === undefined) return new URLSearchParams(fields)
  return multipart({ ...fields, [file.kind]: new Blob([new Uint8Array(file.content)]) })
}
