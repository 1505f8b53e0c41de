import { expect, test } from 'vitest'
import { type Answered, Contract } from '../support/contract.ts'

// Each check of an answer, a frame or a close code can fail.

const contract = new Contract()

const USER = { user_id: 1, username: '', name: 'User 1', profile_url: '' }
const MESSAGE = {
  ...{ message_id: 7, id: 7, conversation_id: 3, sender_id: 1, receiver_id: 2 },
  ...{ message_type: 'text', message: 'Hello', is_read: false, created_at: '2026-01-23 20:30:45' },
  ...{ sender: USER, sender_name: 'User 1', sender_username: '', sender_profile_url: '' },
}
const SENT = { status: 'success', message: 'Message sent successfully', data: MESSAGE }
const FAILED = { status: 'error', message: 'Something is wrong' }
const JSON_TYPE = { 'Content-Type': 'application/json; charset=utf-8' }

interface Change extends Partial<Omit<Answered, 'headers'>> {
  headers?: Record<string, string>
}

/** What is wrong with the answer to a send, but for this. */
function problemWith({ headers = {}, ...change }: Change): string | undefined {
  const sent = { method: 'POST', path: '/send_chat_message.php', status: 200, body: SENT }
  const all = new Headers({ ...JSON_TYPE, ...headers })
  return contract.answerProblem({ ...sent, headers: all, ...change })
}

const dataWith = (change: object) => ({ body: { ...SENT, data: { ...MESSAGE, ...change } } })
const error = (status: number, more: Change = {}) => ({ status, body: FAILED, ...more })

test.for<[string, Change]>([
  ['a message', {}],
  [
    'an image',
    dataWith({ message_type: 'image', media_url: 'https://shop.example/uploads/a.jpg' }),
  ],
  ['an error', error(400)],
  ['too many', error(429, { headers: { 'Retry-After': '1' } })],
  ['a wrong method', error(405, { method: 'GET', headers: { Allow: 'POST, OPTIONS' } })],
  ['no such address', error(404, { path: '/nothing.php' })],
  ['a preflight', { method: 'OPTIONS', status: 204, body: undefined }],
  ['a page', { method: 'GET', path: '/', body: undefined }],
  [
    'a file',
    { method: 'GET', path: '/uploads/chat/a.jpg', headers: { 'Content-Type': 'image/jpeg' } },
  ],
])('%s is as described', ([, change]) => {
  expect(problemWith(change)).toBeUndefined()
})

test.for<[string, Change, RegExp]>([
  ['a property more', dataWith({ secret: 1 }), /must NOT have additional properties/],
  ['one further in', dataWith({ sender: { ...USER, secret: 1 } }), /must NOT have additional/],
  ['one beside data', { body: { ...SENT, secret: 1 } }, /must NOT have additional properties/],
  ['a property less', dataWith({ created_at: undefined }), /property 'created_at'/],
  ['another type', dataWith({ message_id: '7' }), /message_id must be integer/],
  ['another format', dataWith({ created_at: '2026-01-23T20:30:45Z' }), /created_at must match/],
  ['no URL', dataWith({ media_url: '/uploads/a.jpg' }), /media_url must match format "uri"/],
  ['another word', dataWith({ message_type: 'video' }), /must be equal to one of the allowed/],
  ['an error as success', { body: FAILED }, /must be equal to constant|must have required/],
  ['a status', error(404), /this status is not described/],
  ['a success at no address', { path: '/x.php', status: 418 }, /this status is not described/],
  ['no Retry-After', error(429), /Retry-After is missing/],
  ['no Allow', error(405, { method: 'GET' }), /Allow is missing/],
  ['another type of content', { headers: { 'Content-Type': 'text/html' } }, /text\/html is not/],
  ['a preflight', { method: 'OPTIONS', status: 200 }, /not 204/],
])('an answer is a problem with %s', ([, change, problem]) => {
  expect(problemWith(change)).toMatch(problem)
})

test.for<[string, object]>([
  ['a message', { event: 'chat:message', data: MESSAGE }],
  ['a pong', { event: 'pong' }],
  ["a shop's event", { event: 'order:shipped', data: { order_id: 77 } }],
])('%s is a frame as described', ([, frame]) => {
  expect(contract.frameProblem(frame)).toBeUndefined()
})

test.for<[string, object, RegExp]>([
  [
    'a property more',
    { event: 'chat:message', data: { ...MESSAGE, x: 1 } },
    /additional properties/,
  ],
  ['one beside data', { event: 'pong', data: {} }, /must NOT have additional properties/],
  ['a property less', { event: 'chat:typing', data: { sender_id: 1 } }, /property 'is_typing'/],
  ['another type', { event: 'chat:typing', data: { sender_id: '1', is_typing: true } }, /integer/],
  ['no data', { event: 'order:shipped' }, /must have required property 'data'/],
  ['an event for the daemon', { event: 'chat:disconnect', data: {} }, /must NOT be valid/],
])('a frame is a problem with %s', ([, frame, problem]) => {
  expect(contract.frameProblem(frame)).toMatch(problem)
})

test('a close code is a problem if it is not described', () => {
  expect(contract.closeProblem(4408)).toBeUndefined()
  expect(contract.closeProblem(4999)).toBe('closed with 4999')
})

test('a keyword that means nothing is a problem of the document', () => {
  const { openapi } = structuredClone(contract)
  const { Message } = openapi.components.schemas
  Object.assign(Message as object, { propertys: {} })

  const mistaken = new Contract({ openapi })

  expect(() => mistaken.frameProblem({ event: 'chat:message', data: MESSAGE })).toThrow(/propertys/)
})
