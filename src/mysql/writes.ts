import type { Draft, Posted } from '../chat/model.ts'
import { Batch, type BatchParts } from './batch.ts'
import { BatchReads } from './batch-reads.ts'
import type { MysqlDatabase } from './database.ts'
import { GroupCommit, type Outcome } from './group-commit.ts'
import { shardsOf } from './shards.ts'
import type { Queue, Write, WriteResult } from './write.ts'

interface WritesParts extends BatchParts {
  database: MysqlDatabase
}

/**
 * The sends and events of this process, as group commits: each statement carries all of them, and
 * four round trips are one transaction, whatever their number.
 */
export class Writes {
  readonly #parts: WritesParts
  readonly #group: GroupCommit<Write, WriteResult>

  constructor(parts: WritesParts) {
    this.#parts = parts
    this.#group = new GroupCommit({
      run: (writes, isPatient) => this.#run(writes, isPatient),
      shardsOf: (write) => shardsOf(userIdsOf(write)),
      heldOf: (shards) => parts.database.heldOf(shards),
      isIdempotent,
      lengthOf: (write) => (write.kind === 'send' ? write.draft.message.length : write.data.length),
    })
  }

  send(draft: Draft): Promise<Posted> {
    return this.#group.add({ kind: 'send', draft }) as Promise<Posted>
  }

  queue(event: Omit<Queue, 'kind'>): Promise<number> {
    return this.#group.add({ kind: 'queue', ...event }) as Promise<number>
  }

  /** Resolves when all of them are committed, or have failed. */
  drain(): Promise<void> {
    return this.#group.drain()
  }

  #run(writes: Write[], isPatient: boolean): Promise<Outcome<WriteResult>[]> {
    const reads = new BatchReads(writes)
    const shards = shardsOf(writes.flatMap(userIdsOf))
    const options = {
      shards,
      reads: reads.queries,
      isIdempotent: writes.every(isIdempotent),
      failsOnLockWait: true,
      isPatient,
    }
    return this.#parts.database.transact(options, (transaction, ...found) =>
      new Batch(this.#parts, transaction, reads.parse(found)).run(writes),
    )
  }
}

/** A second try of a send that has a name finds the first. */
function isIdempotent(write: Write): boolean {
  return write.kind === 'send' && write.draft.clientMessageId !== undefined
}

/** Everybody whom a write concerns; null for an event to all. */
function userIdsOf(write: Write): (number | null)[] {
  if (write.kind === 'queue') return [write.userId]
  return [write.draft.senderId, write.draft.receiverId]
}
