import { expect, test } from 'vitest'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/auth.ts'
import { get, post, TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat } from '../support/in-process.ts'

const SETTINGS = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET }

function as(userId: number) {
  return { authorization: `Bearer ${signedWithSecret(claimsOf(userId))}` }
}

function said(answer: { status: number; body: { message: string } }): string {
  return `${answer.status} ${answer.body.message}`
}

/** 6 has written to 7; the caller is 5. */
async function foreignConversation(apiUrl: string) {
  const message = { sender_id: 6, receiver_id: 7, message: 'Between us' }
  const { status, body } = await post(`${apiUrl}/send_chat_message.php`, message, as(6))
  expect(status).toBe(200)
  return body.data as { conversation_id: number; message_id: number }
}

test('at every endpoint callers act as themselves alone', async () => {
  const { url } = await startApi(temporaryFolder(), SETTINGS)
  const { conversation_id, message_id } = await foreignConversation(url)
  const notYou = '403 You are user 5, not 6'
  const noSuch = '404 There is no such conversation'
  const notYours = '404 You have no such conversation or message'
  const attempts: [string, Record<string, unknown>, string][] = [
    ['send_chat_message', { sender_id: 6, receiver_id: 7, message: 'x' }, notYou],
    ['send_chat_message', { from_user_id: 6, to_user_id: 7, message: 'x' }, notYou],
    ['get_conversations', { user_id: 6 }, notYou],
    ['get_conversation_messages', { user_id: 6, other_user_id: 7 }, notYou],
    ['get_conversation_messages', { conversation_id }, noSuch],
    ['get_conversation_messages', { conversation_id, user_id: 5 }, noSuch],
    ['get_conversation_messages', { conversation_id, user_id: 6 }, notYou],
    ['mark_as_read', { user_id: 7, message_id }, '403 You are user 5, not 7'],
    ['mark_as_read', { user_id: 5, message_id }, notYours],
    ['mark_as_read', { user_id: 5, conversation_id }, notYours],
    ['block_unblock_user', { user_id: 6, blocked_user_id: 7, block: 1 }, notYou],
    ['get_chat_user_status', { user_id: 6, blocked_user_id: 7 }, notYou],
  ]

  for (const [endpoint, parameters, expected] of attempts) {
    const answer = await post(`${url}/${endpoint}.php`, parameters, as(5))
    expect([endpoint, parameters, said(answer)]).toEqual([endpoint, parameters, expected])
  }

  const { body } = await get(`${url}/get_conversations.php?user_id=7`, as(7))
  expect(body.data.conversations).toHaveLength(1)
  expect(body.data.conversations[0].unread_count).toBe(1)
  const status = await post(
    `${url}/get_chat_user_status.php`,
    { user_id: 6, blocked_user_id: 7 },
    as(6),
  )
  expect(status.body.is_blocked).toBe(false)
})

test('a foreign conversation is answered like one that is not there', async () => {
  const { url } = await startApi(temporaryFolder(), SETTINGS)
  const { conversation_id } = await foreignConversation(url)
  const ask = async (id: number, parameters: object, headers = as(5)) => {
    const body = { conversation_id: id, ...parameters }
    const answer = await post(`${url}/get_conversation_messages.php`, body, headers)
    return [answer.status, answer.body]
  }

  for (const parameters of [{}, { user_id: 5 }, { user_id: 6 }, { limit: 1, offset: 3 }]) {
    const foreign = await ask(conversation_id, parameters)
    expect(foreign).toEqual(await ask(conversation_id + 1, parameters))
  }
  const gone = { status: 'error', message: 'There is no such conversation' }
  expect(await ask(conversation_id, { user_id: 5 })).toEqual([404, gone])
})

test('under none, too, a conversation is not there for a user who takes no part', async () => {
  const { url } = await startApi(temporaryFolder())
  const { conversation_id } = await foreignConversation(url)
  const page = (id: number, query = '') =>
    get(`${url}/get_conversation_messages.php?conversation_id=${id}${query}`)

  expect(said(await page(conversation_id, '&user_id=5'))).toBe('404 There is no such conversation')
  expect(said(await page(conversation_id + 1, '&user_id=5'))).toBe(
    '404 There is no such conversation',
  )
  expect((await page(conversation_id, '&user_id=7')).status).toBe(200)
  // Who asks is not known; neither is there anything to hide from them.
  expect((await page(conversation_id)).status).toBe(200)
})

test('at every endpoint a stranger is turned away before the body is looked at', async () => {
  const { url } = await startApi(temporaryFolder(), SETTINGS)
  const endpoints = [
    'send_chat_message',
    'get_conversations',
    'get_conversation_messages',
    'mark_as_read',
    'block_unblock_user',
    'get_chat_user_status',
  ]
  for (const endpoint of endpoints) {
    const response = await fetch(`${url}/${endpoint}.php`, { method: 'POST', body: '{not JSON' })
    expect([endpoint, response.status]).toEqual([endpoint, 401])
  }
  expect((await get(`${url}/health`)).status).toBe(200)
})

test('the two people of a conversation read it, each as themselves', async () => {
  const { url } = await startApi(temporaryFolder(), SETTINGS)
  const { conversation_id } = await foreignConversation(url)
  for (const userId of [6, 7]) {
    const page = `${url}/get_conversation_messages.php?conversation_id=${conversation_id}`
    const { body } = await get(page, as(userId))
    expect(body.data.messages).toHaveLength(1)
    const other = userId === 6 ? 7 : 6
    const foreign = await get(`${page}&user_id=${other}`, as(userId))
    expect(said(foreign)).toBe(`403 You are user ${userId}, not ${other}`)
  }
})

test('over a socket, too, nobody types or reads in the name of another', async () => {
  const { api, daemon } = await startChat(SETTINGS)
  const { message_id } = await foreignConversation(api.url)
  const enter = async (userId: number) => {
    const socket = new TestSocket(`${daemon.url}/`, { headers: as(userId) })
    await socket.event('chat:connected')
    return socket
  }
  const [caller, receiver] = [await enter(5), await enter(7)]

  caller.send({
    event: 'chat:typing',
    data: { receiver_id: 7, sender_id: 6, user_id: 6, is_typing: true },
  })
  expect(await receiver.event('chat:typing')).toEqual({ sender_id: 5, is_typing: true })

  caller.send({ event: 'chat:read', data: { message_id, user_id: 7, read_by: 7 } })
  expect(await caller.event('error')).toEqual({
    reason: 'You have no such conversation or message',
  })
  const { body } = await get(`${api.url}/get_conversations.php?user_id=7`, as(7))
  expect(body.data.conversations[0].unread_count).toBe(1)
})
