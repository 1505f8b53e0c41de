import { type Api, ApiError } from './api.ts'
import { Backoff, type BackoffOptions } from './backoff.ts'
import { reasonOf } from './reason.ts'
import type { ClientStorage } from './storage.ts'
import type { Message, MessageType } from './wire.ts'

export interface Draft {
  receiver_id: number
  message_type: MessageType
  /** The text; with a file its caption, or ''. */
  message: string
  file?: Blob
  /** Seconds, of a voice message. */
  duration?: number
}

/** A message that the server has not acknowledged yet. */
export interface Outgoing extends Draft {
  /** The idempotency key: the server recognises a retry by it. */
  client_message_id: string
  /** When it was written, in ms since 1970. */
  written_at: number
  /** `failed`: the server rejected it; it stays until the user retries or discards it. */
  status: 'queued' | 'sending' | 'failed'
  /** The part of a file that is on its way, from 0 to 1. */
  progress: number
  /** Why it failed, in words for the user. */
  error?: string
}

export interface OutboxParts {
  api: Api
  storage: ClientStorage
  userId: number
  backoff: Partial<BackoffOptions>
  /** Called whenever something about an unsent message has changed, or it is gone. */
  onChange: (outgoing: Outgoing) => void
  onSent: (message: Message, outgoing: Outgoing) => void
}

/** The queue of messages to one user, oldest first. */
interface Lane {
  entries: Outgoing[]
  backoff: Backoff
  isBusy: boolean
  retryTimer: ReturnType<typeof setTimeout> | undefined
}

/**
 * Messages on their way to the server. Each is stored first, and sent until the server acknowledges
 * it, across reloads of the page: its client_message_id makes a retry idempotent. Messages to one
 * user are sent one after the other, in the order in which they were written; a rejected message
 * lets the next pass.
 */
export class Outbox {
  readonly #parts: OutboxParts
  readonly #lanes = new Map<number, Lane>()
  readonly #aborts = new Map<string, AbortController>()
  #writing: Promise<unknown> = Promise.resolve()
  #isStopped = false

  constructor(parts: OutboxParts) {
    this.#parts = parts
  }

  /** Recovery: loads the unsent messages of an earlier page or process. */
  async start(): Promise<void> {
    this.#isStopped = false
    const stored = (await this.#parts.storage.list(this.#prefix)) as Outgoing[]
    for (const entry of stored) {
      const lane = this.#lane(entry.receiver_id)
      if (lane.entries.some((one) => one.client_message_id === entry.client_message_id)) continue
      const status = entry.status === 'failed' ? 'failed' : 'queued'
      lane.entries.push({ ...entry, status, progress: 0 })
      lane.entries.sort((a, b) => a.written_at - b.written_at)
      this.#parts.onChange(entry)
    }
    for (const lane of this.#lanes.values()) this.#sendNext(lane)
  }

  /** Resolves once the message is stored: from then on it will be sent. */
  async add(draft: Draft): Promise<Outgoing> {
    const lane = this.#lane(draft.receiver_id)
    const last = lane.entries.at(-1)?.written_at ?? 0
    const entry: Outgoing = {
      ...draft,
      client_message_id: randomId(),
      // Two in one millisecond keep their order over a reload.
      written_at: Math.max(Date.now(), last + 1),
      status: 'queued',
      progress: 0,
    }
    lane.entries.push(entry)
    this.#parts.onChange(entry)
    await this.#store(entry)
    this.#sendNext(lane)
    return entry
  }

  /** The unsent messages to one user, oldest first. */
  to(receiverId: number): readonly Outgoing[] {
    return this.#lanes.get(receiverId)?.entries ?? []
  }

  /** Sends a failed message again. */
  retry(clientMessageId: string): void {
    const [lane, entry] = this.#find(clientMessageId)
    if (lane === undefined || entry?.status !== 'failed') return
    this.#update(entry, { status: 'queued', progress: 0 })
    this.#store(entry)
    this.#sendNext(lane)
  }

  /** Deletes a message. If it is being sent at this moment, it may still arrive. */
  discard(clientMessageId: string): void {
    const [lane, entry] = this.#find(clientMessageId)
    if (lane === undefined || entry === undefined) return
    this.#remove(lane, entry)
    this.#aborts.get(clientMessageId)?.abort()
    this.#parts.onChange(entry)
  }

  /** Call when the server may be back: ends every backoff. */
  wake(): void {
    for (const lane of this.#lanes.values()) {
      lane.backoff.reset()
      this.#sendNext(lane)
    }
  }

  /** Sends nothing more; what is unsent stays stored. */
  stop(): void {
    this.#isStopped = true
    for (const lane of this.#lanes.values()) clearTimeout(lane.retryTimer)
    for (const abort of this.#aborts.values()) abort.abort()
  }

  /** The number of all unsent messages. */
  get size(): number {
    return [...this.#lanes.values()].reduce((count, { entries }) => count + entries.length, 0)
  }

  /** Stops sending, and deletes all unsent messages of this user, those of other pages too. */
  async clear(): Promise<void> {
    this.stop()
    for (const lane of this.#lanes.values()) lane.entries = []
    await this.#write(async () => {
      const stored = (await this.#parts.storage.list(this.#prefix)) as Outgoing[]
      for (const entry of stored) await this.#parts.storage.delete(this.#key(entry))
    })
  }

  async #sendNext(lane: Lane): Promise<void> {
    if (lane.isBusy || this.#isStopped) return
    const entry = lane.entries.find(({ status }) => status !== 'failed')
    if (entry === undefined) return
    clearTimeout(lane.retryTimer)
    lane.isBusy = true
    try {
      const message = await this.#post(entry)
      lane.backoff.reset()
      this.#remove(lane, entry)
      this.#parts.onSent(message, entry)
      this.#parts.onChange(entry)
    } catch (error) {
      this.#notSent(lane, entry, error)
    } finally {
      lane.isBusy = false
    }
    if (entry.status !== 'queued') this.#sendNext(lane)
  }

  #notSent(lane: Lane, entry: Outgoing, error: unknown): void {
    if (!lane.entries.includes(entry)) {
      // Discarded meanwhile: it is not the lane's to wait for.
      entry.status = 'failed'
      return
    }
    if (error instanceof ApiError && error.isTemporary) {
      this.#update(entry, { status: 'queued', progress: 0 })
      const delayMs = Math.max(lane.backoff.next(), error.retryAfterMs ?? 0)
      if (!this.#isStopped) lane.retryTimer = setTimeout(() => this.#sendNext(lane), delayMs)
    } else {
      const reason = reasonOf(error)
      this.#update(entry, { status: 'failed', error: reason })
      this.#store(entry)
    }
  }

  #post(entry: Outgoing): Promise<Message> {
    this.#update(entry, { status: 'sending', progress: 0 })
    const path = '/send_chat_message.php'
    const fields = {
      sender_id: this.#parts.userId,
      receiver_id: entry.receiver_id,
      message: entry.message,
      client_message_id: entry.client_message_id,
      ...(entry.duration === undefined ? {} : { duration: Math.round(entry.duration) }),
    }
    if (entry.file === undefined) return this.#parts.api.call(path, fields)
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, String(value))
    form.append(entry.message_type, entry.file, `${entry.message_type}-message`)
    const abort = new AbortController()
    this.#aborts.set(entry.client_message_id, abort)
    const onProgress = (progress: number) => this.#update(entry, { progress })
    const upload = this.#parts.api.upload<Message>(path, form, onProgress, abort.signal)
    return upload.finally(() => this.#aborts.delete(entry.client_message_id))
  }

  #update(entry: Outgoing, change: Partial<Outgoing>): void {
    if (change.status !== undefined) delete entry.error
    Object.assign(entry, change)
    this.#parts.onChange(entry)
  }

  #remove(lane: Lane, entry: Outgoing): void {
    lane.entries = lane.entries.filter((one) => one !== entry)
    entry.status = 'sending'
    this.#write(() => this.#parts.storage.delete(this.#key(entry)))
  }

  #store(entry: Outgoing): Promise<void> {
    return this.#write(() => this.#parts.storage.set(this.#key(entry), { ...entry }))
  }

  /**
   * In order, so that a message is not stored after it was deleted. A storage that fails (it is
   * full, or its user forbids it) only means that a reload forgets what is unsent.
   */
  #write(write: () => Promise<void>): Promise<void> {
    const written = this.#writing.then(write).catch(() => {})
    this.#writing = written
    return written
  }

  #find(clientMessageId: string): [Lane, Outgoing] | [undefined, undefined] {
    for (const lane of this.#lanes.values()) {
      const entry = lane.entries.find((one) => one.client_message_id === clientMessageId)
      if (entry !== undefined) return [lane, entry]
    }
    return [undefined, undefined]
  }

  #lane(receiverId: number): Lane {
    const backoff = new Backoff(this.#parts.backoff)
    const lane = this.#lanes.get(receiverId) ?? {
      entries: [],
      backoff,
      isBusy: false,
      retryTimer: undefined,
    }
    this.#lanes.set(receiverId, lane)
    return lane
  }

  get #prefix(): string {
    return `outbox/${this.#parts.userId}/`
  }

  #key({ written_at, client_message_id }: Outgoing): string {
    return `${this.#prefix}${String(written_at).padStart(16, '0')}-${client_message_id}`
  }
}

/** 128 random bits. Not crypto.randomUUID: pages that came over plain http have none. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
