import { expect, test } from 'vitest'
import { Clock } from '../../src/chat/clock.ts'
import { blockFrom, messageFrom, type SourceRow, userFrom } from '../../src/chat/source-rows.ts'

const OPTIONS = {
  clock: new Clock('Asia/Riyadh'),
  messageLengthMax: 5,
  mediaPath: (given: string) => `below/${given}`,
}
const TEXT = {
  message_id: 17,
  sender_id: 1,
  receiver_id: 2,
  message: 'Hello',
  created_at: '2026-01-23 23:30:45',
}

function parse(more: SourceRow) {
  return messageFrom({ ...TEXT, ...more }, OPTIONS)
}

test('a text needs no more than ids, words and a time', () => {
  expect(parse({})).toEqual({
    messageId: 17,
    senderId: 1,
    receiverId: 2,
    messageType: 'text',
    message: 'Hello',
    mediaPath: null,
    mediaDuration: null,
    fileSize: null,
    readAt: null,
    createdAt: '2026-01-23 20:30:45',
  })
})

test('numbers come as texts, texts as bytes, and what is not known as NULL', () => {
  const message = Buffer.from('👍 é')
  const row = { message_id: '17', sender_id: '1', message, media_url: null, read_at: null }
  expect(parse(row)).toMatchObject({ messageId: 17, senderId: 1, message: '👍 é', readAt: null })
  expect(parse({ message: 42 }).message).toBe('42')
  const voice = { message_type: 'voice', message: null, media_url: 'a.ogg', media_duration: '7.5' }
  expect(parse(voice)).toMatchObject({ message: '', mediaPath: 'below/a.ogg', mediaDuration: 8 })
})

const CREATED = '2026-01-23 20:30:45'
const LATER = '2026-01-23 21:00:00'
const AT_LATER = { read_at: '2026-01-24 00:00:00' }

test.for([
  [{}, null],
  [{ is_read: 0 }, null],
  [{ is_read: 1 }, CREATED],
  [{ is_read: true }, CREATED],
  [{ is_read: Buffer.from([1]) }, CREATED],
  [AT_LATER, LATER],
  [{ is_read: '1', ...AT_LATER }, LATER],
  [{ is_read: '0', ...AT_LATER }, null],
  [{ is_read: 1, read_at: '0000-00-00 00:00:00' }, CREATED],
  [{ read_at: '0000-00-00 00:00:00' }, null],
] as const)('%j is read at %s', ([row, readAt]) => {
  expect(parse(row).readAt).toBe(readAt)
})

test.for([
  ['2026-01-23T23:30:45', CREATED],
  ['2026-01-23 23:30:45.123456', CREATED],
  ['2026-01-23T20:30:45Z', CREATED],
  ['2026-01-23T22:30:45.5+02:00', CREATED],
])('%s is a time', ([text, stored]) => {
  expect(parse({ created_at: text }).createdAt).toBe(stored)
})

test.for([
  [{ message_id: 0 }, 'message_id is no whole number from 1 to 1000000000000000'],
  [{ message_id: 1e15 + 1 }, 'message_id is no whole number from 1 to 1000000000000000'],
  [{ message_id: undefined }, 'message_id is no whole number from 1 to 1000000000000000'],
  [{ sender_id: -1 }, 'sender_id is no positive whole number'],
  [{ receiver_id: '2x' }, 'receiver_id is no positive whole number'],
  [{ receiver_id: 1 }, 'sender_id and receiver_id must be two different users'],
  [{ message: ' ' }, 'At least one of message, image, or voice must be provided'],
  [{ message: '123456' }, 'message must be at most 5 characters long'],
  [{ message: { de: 'x' } }, 'message is no text'],
  [{ message: '\ud83d' }, 'message is no valid Unicode'],
  [{ message: Buffer.from([0xc3]) }, 'message is no valid UTF-8'],
  [{ message_type: 'audio' }, 'message_type is none of text, image and voice'],
  [{ media_url: 'a.jpg' }, 'message_type is text, but it has media'],
  [{ message_type: 'image' }, 'media_url is missing'],
  [{ is_read: 2 }, 'is_read is neither 0 nor 1'],
  [{ created_at: null }, 'created_at is missing'],
  [{ created_at: 1706041845 }, 'created_at is no time such as 2026-01-23 20:30:45'],
  [{ created_at: '2026-02-30 00:00:00' }, 'created_at is no time such as 2026-01-23 20:30:45'],
  [{ created_at: '2026-01-23T25:00:00Z' }, 'created_at is no time such as 2026-01-23 20:30:45'],
  [
    { message_type: 'voice', media_url: 'a.ogg', media_duration: '0:15' },
    'media_duration is no number of seconds',
  ],
] as const)('a message with %j is refused', ([row, reason]) => {
  expect(() => parse(row)).toThrow(expect.objectContaining({ code: 'invalid', message: reason }))
})

test('the highest id is taken, and a text of the greatest length', () => {
  expect(parse({ message_id: 1e15, message: '👍👍👍👍👍' })).toMatchObject({ messageId: 1e15 })
})

test('a user is an id, and what is known besides', () => {
  const profile = { username: 'al', name: '', profileUrl: '' }
  expect(userFrom({ user_id: '7', username: 'al', name: null })).toEqual({ userId: 7, profile })
  expect(() => userFrom({ user_id: 'al' })).toThrow('user_id is no positive whole number')
})

test('a block is of two users, since when it is known', () => {
  const row = { user_id: 1, blocked_user_id: 2 }
  const block = { userId: 1, blockedUserId: 2 }
  expect(blockFrom(row, OPTIONS)).toEqual({ ...block, createdAt: null })
  const dated = { ...row, created_at: '2026-01-23 23:30:45' }
  expect(blockFrom(dated, OPTIONS)).toEqual({ ...block, createdAt: CREATED })
  expect(() => blockFrom({ ...row, blocked_user_id: 1 }, OPTIONS)).toThrow('two different users')
})
