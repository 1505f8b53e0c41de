import type { ResultSetHeader } from 'mysql2/promise'
import type { Query, Session, Values } from './session.ts'
import { eventIdOf, shardOf } from './shards.ts'

/** What an event is about: see PendingEvent. */
export interface About {
  messageId?: number
  subjectUserId?: number
}

type EventRow = [
  shard: number,
  seq: number,
  event: string,
  userId: number | null,
  data: string,
  messageId: number | null,
  subjectUserId: number | null,
]

/**
 * An open transaction that holds the locks of some shards. Events that are appended to it get the
 * next numbers of their shards, and are written with the commit.
 */
export class Transaction {
  readonly #session: Session
  /** Of each shard that is locked. */
  readonly #lastSeqs: Map<number, number>
  readonly #appended = new Map<number, number>()
  readonly #events: EventRow[] = []
  readonly #last: Query[] = []

  /** @param lastSeqs of each shard whose row is locked */
  constructor(session: Session, lastSeqs: Map<number, number>) {
    this.#session = session
    this.#lastSeqs = lastSeqs
  }

  read<Row>(sql: string, values: Values): Promise<Row[]> {
    return this.#session.run<Row[]>(sql, values)
  }

  write(sql: string, values: Values): Promise<ResultSetHeader> {
    return this.#session.run<ResultSetHeader>(sql, values)
  }

  runAll<Results extends unknown[]>(queries: readonly Query[]): Promise<Results> {
    return this.#session.runAll<Results>(queries)
  }

  /** Runs a statement in the round trip of the commit. */
  writeLast(sql: string, values: unknown[]): void {
    this.#last.push([sql, values])
  }

  /**
   * Adds an event to this transaction, which holds the lock of its shard; returns its event_id.
   *
   * @param data JSON
   */
  append(event: string, userId: number | null, data: string, about: About = {}): number {
    const shard = shardOf(userId)
    const lastSeq = this.#lastSeqs.get(shard)
    if (lastSeq === undefined) throw new Error(`Shard ${shard} is not locked`)
    const appended = (this.#appended.get(shard) ?? 0) + 1
    this.#appended.set(shard, appended)
    const seq = lastSeq + appended
    const { messageId = null, subjectUserId = null } = about
    this.#events.push([shard, seq, event, userId, data, messageId, subjectUserId])
    return eventIdOf(shard, seq)
  }

  /** The statements that end the transaction, in one round trip. */
  end(): Query[] {
    return [
      ...this.#last,
      ...this.#queries(),
      ['RELEASE SAVEPOINT chat', []],
      ['COMMIT', []],
      ['SET autocommit = 1', []],
    ]
  }

  #queries(): Query[] {
    if (this.#events.length === 0) return []
    const counts = [...this.#appended]
    return [
      [
        `UPDATE event_shards SET last_seq = last_seq + ${caseOf('shard', counts.length)} WHERE shard IN (?)`,
        [...counts.flat(), counts.map(([shard]) => shard)],
      ],
      [
        `INSERT INTO pending_events (shard, seq, event, user_id, data, message_id, subject_user_id)
        VALUES ?`,
        [this.#events],
      ],
    ]
  }
}

/** SQL that picks one of `count` values by a column: takes each key, then its value. */
export function caseOf(column: string, count: number): string {
  return `CASE ${column} ${'WHEN ? THEN ? '.repeat(count)}END`
}
