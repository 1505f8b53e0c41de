import type { Draft, Posted } from '../chat/model.ts'
import type { About } from './transaction.ts'

/** A message to store. Its result is the message, and whether it is new. */
export interface Send {
  kind: 'send'
  draft: Draft
}

/** An event to queue. Its result is the event_id; 0 when it has no receiver. */
export interface Queue {
  kind: 'queue'
  event: string
  userId: number | null
  /** JSON. */
  data: string
  about?: About
  /** Only if the receiver is connected, with no block between them and this user. */
  from?: number
}

export type Write = Send | Queue
export type WriteResult = Posted | number
