import type { Draft, Message, User } from '../chat/model.ts'
import { type MessageRow, messageFromRow } from '../chat/rows.ts'
import { pairOf } from '../chat/rules.ts'
import { BlocksBetween, selectBlocks } from './blocks.ts'
import { type PairRow, selectPairs } from './conversations.ts'
import { selectMessages } from './message-row.ts'
import { selectOnline } from './online.ts'
import type { Query } from './session.ts'
import { KnownUsers, selectUsers } from './users.ts'
import type { Write } from './write.ts'

export interface Known {
  blocks: BlocksBetween
  /** Who is connected, of the receivers of typing events. */
  online: Set<number>
  users: KnownUsers
  conversations: Map<string, number>
  firstTries: Map<string, Message>
}

/** What the database holds about a batch, read in the round trip of its locks. */
export class BatchReads {
  readonly queries: Query[] = []
  readonly #sends: Draft[]
  readonly #typing: { receiverId: number; senderId: number }[]

  constructor(writes: Write[]) {
    this.#sends = writes.flatMap((write) => (write.kind === 'send' ? [write.draft] : []))
    this.#typing = writes.flatMap((write) =>
      write.kind === 'queue' && write.from !== undefined && write.userId !== null
        ? [{ receiverId: write.userId, senderId: write.from }]
        : [],
    )
    const pairs = [...this.#sends, ...this.#typing].map(
      ({ senderId, receiverId }) => [senderId, receiverId] as const,
    )
    const retries = this.#sends.filter(({ clientMessageId }) => clientMessageId !== undefined)
    if (pairs.length > 0) this.queries.push(selectBlocks(pairs))
    if (this.#typing.length > 0) {
      this.queries.push(selectOnline(this.#typing.map(({ receiverId }) => receiverId)))
    }
    if (this.#sends.length > 0) {
      this.queries.push(
        selectUsers(this.#sends.flatMap(({ senderId, receiverId }) => [senderId, receiverId])),
        selectPairs(this.#sends.map(({ senderId, receiverId }) => pairOf(senderId, receiverId))),
      )
    }
    if (retries.length > 0) this.queries.push(selectFirstTries(retries))
  }

  parse(found: unknown[]): Known {
    const results = [...found]
    const hasPairs = this.#sends.length + this.#typing.length > 0
    const blocks = hasPairs ? results.shift() : []
    const online = this.#typing.length > 0 ? results.shift() : []
    const [users, pairs, firstTries = []] = results as [User[]?, PairRow[]?, MessageRow[]?]
    return {
      blocks: new BlocksBetween(blocks as never),
      online: new Set((online as { userId: number }[]).map(({ userId }) => userId)),
      users: new KnownUsers(users ?? []),
      conversations: new Map(
        (pairs ?? []).map((row) => [
          pairKey(row.lowerUserId, row.higherUserId),
          row.conversationId,
        ]),
      ),
      firstTries: new Map(
        firstTries.map((row) => [
          tryKey(row.senderId, row.clientMessageId as string),
          messageFromRow(row),
        ]),
      ),
    }
  }
}

function selectFirstTries(drafts: Draft[]): Query {
  return [
    `${selectMessages('messages.sender_id')}
    WHERE (messages.sender_id, messages.client_message_id) IN (?)`,
    [drafts.map(({ senderId, clientMessageId }) => [senderId, clientMessageId])],
  ]
}

export function tryKey(senderId: number, clientMessageId: string): string {
  return `${senderId} ${clientMessageId}`
}

export function pairKey(lowerUserId: number, higherUserId: number): string {
  return `${lowerUserId} ${higherUserId}`
}
