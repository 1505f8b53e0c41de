import type { Clock } from '../chat/clock.ts'
import type { Position } from '../chat/model.ts'
import { assertBroadcast } from '../chat/rules.ts'
import type { Events } from '../chat/store.ts'
import type { Wire } from '../chat/wire.ts'
import type { MysqlDatabase } from './database.ts'
import { MysqlEventTail, waitedSince } from './event-tail.ts'
import { parsePosition, readSum } from './vector.ts'
import type { Writes } from './writes.ts'

interface EventsParts {
  database: MysqlDatabase
  writes: Writes
  wire: Wire
  clock: Clock
}

export class MysqlEvents implements Events {
  readonly #parts: EventsParts
  #tail: MysqlEventTail | undefined

  constructor(parts: EventsParts) {
    this.#parts = parts
  }

  async broadcast(event: string, userId: number | null, data: object): Promise<number> {
    assertBroadcast(event, data)
    return this.#parts.writes.queue({ event, userId, data: JSON.stringify(data) })
  }

  async typing(senderId: number, receiverId: number, isTyping: boolean): Promise<void> {
    const { writes, wire } = this.#parts
    const data = JSON.stringify(wire.typing(senderId, isTyping))
    await writes.queue({ event: 'chat:typing', userId: receiverId, data, from: senderId })
  }

  tail(position?: Position): MysqlEventTail {
    this.#tail = new MysqlEventTail(this.#parts.database, this.#parts.clock, position)
    return this.#tail
  }

  /** The newest event of a shard that the last tail of this process has read; 0 without one. */
  seqRead(shard: number): number {
    return this.#tail?.seqRead(shard) ?? 0
  }

  async waitedSeconds(position?: Position): Promise<number> {
    const { database, clock } = this.#parts
    // Rows stay for a while after they are sent: only the last daemon knows which were.
    const from =
      position ??
      (await database.readValue<string>(
        'SELECT position FROM daemons ORDER BY heartbeat_at DESC LIMIT 1',
      ))
    return waitedSince(database, clock, from === undefined ? undefined : parsePosition(from))
  }

  async queuedCount(): Promise<number> {
    return readSum(this.#parts.database)
  }
}
