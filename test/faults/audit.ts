import { acknowledgedId, type Delivery, isRefused, type Send } from './ledger.ts'
import type { StoredMessage } from './stored.ts'

/** What became of all sends. The three lists hold one line for each case. */
export interface Findings {
  lost: string[]
  repeated: string[]
  outOfOrder: string[]
  /** What is wrong besides. */
  problems: string[]
}

/**
 * Compares what was sent and answered with what is stored and what was delivered, by exact id and
 * body.
 *
 * @param resumed what each receiver got that resumes, in the order in which it came
 * @param plain what those got that do not, who may get it twice
 */
export function audit(
  sends: Send[],
  stored: StoredMessage[],
  resumed: Delivery[][],
  plain: Delivery[],
): Findings {
  const storedByBody = groupBy(stored, ({ body }) => body)
  const resumedByBody = groupBy(resumed.flat(), ({ body }) => body)
  const delivered = [...resumed.flat(), ...plain]
  const deliveredByBody = groupBy(delivered, ({ body }) => body)
  return {
    lost: [...findNotStored(sends, storedByBody), ...findNotDelivered(stored, deliveredByBody)],
    repeated: [...findTwice('stored', storedByBody), ...findTwice('delivered', resumedByBody)],
    outOfOrder: [...resumed.flatMap(findDescents), ...findOvertaken(sends)],
    problems: [...findUnasked(sends, stored), ...findUnstored(delivered, storedByBody)],
  }
}

/** Of all answers, those that were a 503; rounded up to a tenth. */
export function unavailablePercent(sends: Send[]): number {
  const answers = sends.flatMap((send) => send.answers)
  const refusals = answers.filter((answer) => answer.kind === 'refused' && answer.status === 503)
  return Math.ceil((1_000 * refusals.length) / Math.max(1, answers.length)) / 10
}

/** Of all sends, with all their tries. */
export function longestAnswerMs(sends: Send[]): number {
  return longest(sends.map(({ startedAt, answeredAt }) => answeredAt - startedAt))
}

/** From the answer that acknowledged a message to its receiver's getting it. */
export function longestDeliveryMs(sends: Send[], received: Delivery[][]): number {
  const sendByBody = new Map(sends.map((send) => [send.body, send]))
  return longest(
    received.flat().map(({ body, at }) => at - (sendByBody.get(body)?.answeredAt ?? at)),
  )
}

/** @param received what each receiver got, in the order in which it came */
export function longestSilenceMs(received: Delivery[][]): number {
  const silences = received.map((deliveries) =>
    deliveries.map(({ at }, index) => at - (deliveries[index - 1]?.at ?? at)),
  )
  return longest(silences.flat())
}

/** Rounded; 0 for none. */
function longest(waitsMs: number[]): number {
  return Math.round(waitsMs.reduce((most, ms) => Math.max(most, ms), 0))
}

/** Acknowledged, and not there as it was sent. */
function findNotStored(sends: Send[], storedByBody: Map<string, StoredMessage[]>): string[] {
  return sends.flatMap((send) => {
    const messageId = acknowledgedId(send)
    if (messageId === undefined) return []
    const row = storedByBody.get(send.body)?.find((candidate) => isOf(candidate, send, messageId))
    return row === undefined ? [`message ${messageId} is not stored: ${send.body}`] : []
  })
}

function isOf(row: StoredMessage, send: Send, messageId: number): boolean {
  return (
    row.messageId === messageId &&
    row.senderId === send.senderId &&
    row.receiverId === send.receiverId &&
    row.type === (send.file?.kind ?? 'text') &&
    row.fileSize === (send.file?.content.length ?? null) &&
    row.clientMessageId === (send.clientMessageId ?? null)
  )
}

/** Stored, acknowledged or not, and not told to its receiver. */
function findNotDelivered(
  stored: StoredMessage[],
  deliveredByBody: Map<string, Delivery[]>,
): string[] {
  return stored.flatMap(({ messageId, receiverId, body }) => {
    const isDelivered = deliveredByBody
      .get(body)
      ?.some((delivery) => delivery.messageId === messageId && delivery.receiverId === receiverId)
    return isDelivered ? [] : [`message ${messageId} is not delivered: ${body}`]
  })
}

function findTwice(what: string, byBody: Map<string, unknown[]>): string[] {
  const repeated = [...byBody].filter(([, { length }]) => length > 1)
  return repeated.map(([body, { length }]) => `${what} ${length} times: ${body}`)
}

function findDescents(deliveries: Delivery[]): string[] {
  return deliveries.flatMap(({ receiverId, messageId }, index) => {
    const before = deliveries[index - 1]?.messageId ?? 0
    return messageId < before ? [`user ${receiverId} got ${messageId} after ${before}`] : []
  })
}

/** Each sender waits for an answer before the next send: the ids in the answers ascend. */
function findOvertaken(sends: Send[]): string[] {
  return [...groupBy(sends, ({ senderId }) => senderId)].flatMap(([senderId, ofOne]) => {
    const ids = ofOne.map(acknowledgedId).filter((id) => id !== undefined)
    const overtaken = ids.filter((id, index) => id <= (ids[index - 1] ?? 0))
    return overtaken.map((id) => `message ${id} of user ${senderId} was overtaken`)
  })
}

/** Stored, though nobody sent it, or though its sender was told that it is not. */
function findUnasked(sends: Send[], stored: StoredMessage[]): string[] {
  const sendByBody = new Map(sends.map((send) => [send.body, send]))
  return stored.flatMap(({ messageId, body }) => {
    const send = sendByBody.get(body)
    if (send === undefined) return [`message ${messageId} was never sent: ${body}`]
    return isRefused(send) ? [`message ${messageId} was refused and stored: ${body}`] : []
  })
}

function findUnstored(
  deliveries: Delivery[],
  storedByBody: Map<string, StoredMessage[]>,
): string[] {
  const isStored = ({ messageId, body }: Delivery) =>
    storedByBody.get(body)?.some((row) => row.messageId === messageId)
  const unstored = deliveries.filter((delivery) => !isStored(delivery))
  return unstored.map(({ messageId, body }) => `${messageId} was delivered, not stored: ${body}`)
}

function groupBy<Item, Key>(items: Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
