import { expect, test } from 'vitest'
import {
  audit,
  longestAnswerMs,
  longestDeliveryMs,
  longestSilenceMs,
  unavailablePercent,
} from './audit.ts'
import type { Answer, Delivery, Send } from './ledger.ts'
import type { StoredMessage } from './stored.ts'

const CLEAN = { lost: [], repeated: [], outOfOrder: [], problems: [] }

/** User 1 has sent so many messages to user 2, and each is stored and delivered. */
function sent(count: number) {
  const ids = Array.from({ length: count }, (_, index) => index + 1)
  return { sends: ids.map(send), stored: ids.map(row), got: ids.map(delivery) }
}

function send(messageId: number): Send {
  const { senderId, receiverId, body, clientMessageId } = row(messageId)
  const answers: Answer[] = [{ kind: 'acknowledged', messageId }]
  const known = { senderId, receiverId, body, clientMessageId: clientMessageId as string }
  const times = { startedAt: 500, answeredAt: 500 + messageId }
  return { ...known, file: undefined, apiUrl: '', answers, ...times }
}

function row(messageId: number): StoredMessage {
  const ids = { messageId, senderId: 1, receiverId: 2, clientMessageId: `id ${messageId}` }
  return { ...ids, type: 'text', body: `number ${messageId}`, mediaPath: null, fileSize: null }
}

function delivery(messageId: number): Delivery {
  return { receiverId: 2, messageId, body: `number ${messageId}`, at: messageId * 1_000 }
}

test('nothing is wrong with what was sent, stored and delivered', () => {
  const { sends, stored, got } = sent(3)
  expect(audit(sends, stored, [got], [])).toEqual(CLEAN)
})

test('a message that is acknowledged and not stored is lost, and so is one not delivered', () => {
  const { sends, stored, got } = sent(3)
  const { lost } = audit(sends, stored.slice(1), [got.slice(1)], [])
  expect(lost).toEqual(['message 1 is not stored: number 1'])
  const undelivered = audit(sends, stored, [got.slice(0, 2)], [])
  expect(undelivered).toEqual({ ...CLEAN, lost: ['message 3 is not delivered: number 3'] })
})

test('a message that is stored or delivered twice is repeated', () => {
  const { sends, stored, got } = sent(2)
  const again = audit(sends, [...stored, { ...row(2), messageId: 3 }], [got], [])
  expect(again.repeated).toEqual(['stored 2 times: number 2'])
  const twice = audit(sends, stored, [[...got, delivery(2)]], [])
  expect(twice).toEqual({ ...CLEAN, repeated: ['delivered 2 times: number 2'] })
})

test('messages that come in another order are out of order', () => {
  const { sends, stored, got } = sent(2)
  const { outOfOrder } = audit(sends, stored, [got.toReversed()], [])
  expect(outOfOrder).toEqual(['user 2 got 1 after 2'])
  expect(audit(sends.toReversed(), stored, [got], []).outOfOrder).toEqual([
    'message 1 of user 1 was overtaken',
  ])
})

test('a message that was refused and stored, or delivered and not stored, is a problem', () => {
  const { sends, stored, got } = sent(2)
  const refused = { ...send(1), answers: [{ kind: 'refused' as const, status: 503 }] }
  expect(audit([refused, ...sends.slice(1)], stored, [got], []).problems).toEqual([
    'message 1 was refused and stored: number 1',
  ])
  expect(audit(sends.slice(1), stored.slice(1), [got], []).problems).toEqual([
    '1 was delivered, not stored: number 1',
  ])
})

test('the share of 503s, and the longest send, delivery and silence are measured', () => {
  const refused: Answer = { kind: 'refused', status: 503 }
  const sends = [send(1), { ...send(2), answers: [refused, refused, ...send(2).answers] }]
  expect(unavailablePercent(sends)).toBe(50)
  expect(longestAnswerMs(sends)).toBe(2)
  expect(longestDeliveryMs(sends, [[delivery(1)], [delivery(2)], []])).toBe(1_498)
  expect(longestDeliveryMs([], [[]])).toBe(0)
  expect(longestSilenceMs([[delivery(1), delivery(2)], [delivery(1), delivery(4)], []])).toBe(3_000)
})
