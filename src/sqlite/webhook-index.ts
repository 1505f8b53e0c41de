/** Ids in memory: some 10 MB. Later messages come in when earlier ones have gone. */
const IDS_MAX = 1_000_000

export interface IndexedWebhook {
  messageId: number
  /** The receiver. */
  userId: number
}

/**
 * Which messages wait for whom, in memory: with an index of the table, each send would write to a page
 * of its receiver's, which costs four times what the row itself does.
 */
export class WebhookIndex {
  /** Of each receiver, in order. */
  readonly #idsOf = new Map<number, number[]>()
  /** Goes over all receivers, also over those that are added meanwhile. */
  #round = this.#idsOf.entries()
  #count = 0
  #lastId = 0

  /** The newest message that was added. */
  get lastId(): number {
    return this.#lastId
  }

  /** How many more it takes. */
  get room(): number {
    return IDS_MAX - this.#count
  }

  /** Adds a message that is newer than all others. */
  add({ messageId, userId }: IndexedWebhook): void {
    const ids = this.#idsOf.get(userId)
    if (ids === undefined) this.#idsOf.set(userId, [messageId])
    else ids.push(messageId)
    this.#count += 1
    this.#lastId = messageId
  }

  /** The first messages that wait for a receiver. */
  first(userId: number, limit: number): number[] {
    return this.#idsOf.get(userId)?.slice(0, limit) ?? []
  }

  /** The first message of each of the next receivers; fewer than `limit` where the round ends. */
  heads(limit: number): IndexedWebhook[] {
    const heads: IndexedWebhook[] = []
    while (heads.length < limit) {
      const { done, value } = this.#round.next()
      if (done) {
        this.#round = this.#idsOf.entries()
        return heads
      }
      const [userId, [messageId]] = value as [number, [number]]
      heads.push({ messageId, userId })
    }
    return heads
  }

  /** Removes a message, which is the first of its receiver as a rule. Idempotent. */
  delete({ messageId, userId }: IndexedWebhook): void {
    const ids = this.#idsOf.get(userId) ?? []
    const at = ids.indexOf(messageId)
    if (at === -1) return
    ids.splice(at, 1)
    this.#count -= 1
    if (ids.length === 0) this.#idsOf.delete(userId)
  }
}
