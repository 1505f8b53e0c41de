import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { Clock } from '../../src/chat/clock.ts'
import { connect, get, sendText } from '../support/clients.ts'
import { startApi, startChat } from '../support/in-process.ts'

/** Five hours and three quarters ahead of UTC, summer and winter. */
const KATHMANDU_MS = (5 * 60 + 45) * 60 * 1000

function utc(text: string): number {
  return Date.parse(`${text.replace(' ', 'T')}Z`)
}

function storedTimes(folder: string): string[] {
  const sqlite = new Sqlite(join(folder, 'chat.db'), { readonly: true })
  try {
    return sqlite.prepare<[], string>('SELECT created_at FROM messages').pluck().all()
  } finally {
    sqlite.close()
  }
}

test('CHAT_TIMEZONE changes how times are shown, in answers and events', async () => {
  const { folder, api, daemon } = await startChat({ CHAT_TIMEZONE: 'Asia/Kathmandu' })
  const before = Math.floor(Date.now() / 1000) * 1000
  const receiver = await connect(daemon.url, 2)

  const sent = await sendText(api.url, 1, 2, 'Hello')

  const [stored] = storedTimes(folder) as [string]
  expect(utc(stored)).toBeGreaterThanOrEqual(before)
  expect(utc(stored)).toBeLessThanOrEqual(Date.now())
  expect(utc(sent.created_at) - utc(stored)).toBe(KATHMANDU_MS)
  expect((await receiver.event('chat:message')).created_at).toBe(sent.created_at)
  const greeted = utc((await receiver.event('chat:connected')).timestamp) - KATHMANDU_MS
  expect(greeted).toBeGreaterThanOrEqual(before)
  expect(greeted).toBeLessThanOrEqual(Date.now())
  const listed = await get(`${api.url}/get_conversations.php?user_id=1`)
  expect(listed.body.data.conversations[0].last_message_time).toBe(sent.created_at)
  const read = await get(`${api.url}/get_conversation_messages.php?user_id=1&other_user_id=2`)
  expect(read.body.data.messages[0].created_at).toBe(sent.created_at)
})

test('CHAT_TIMEZONE does not change what is stored: another zone shows the same moment', async () => {
  const { folder, api } = await startChat({ CHAT_TIMEZONE: 'Asia/Kathmandu' })
  const sent = await sendText(api.url, 1, 2, 'Hello')
  await api.program.stop()
  const path = '/get_conversation_messages.php?user_id=1&other_user_id=2'

  const inUtc = await startApi(folder)

  const { body } = await get(inUtc.url + path)
  expect(body.data.messages[0].created_at).toBe(storedTimes(folder)[0])
  expect(utc(sent.created_at) - utc(body.data.messages[0].created_at)).toBe(KATHMANDU_MS)
})

test('a zone is shown with its summer time, across midnight, in the documented format', () => {
  const newYork = new Clock('America/New_York')

  expect(newYork.shown('2026-07-01 02:30:05')).toBe('2026-06-30 22:30:05')
  expect(newYork.shown('2026-01-01 05:00:00')).toBe('2026-01-01 00:00:00')
  expect(newYork.shown('2026-01-01 04:59:59')).toBe('2025-12-31 23:59:59')
  expect(new Clock('Asia/Riyadh').shown('2026-01-23 17:30:45')).toBe('2026-01-23 20:30:45')
  expect(new Clock('UTC').shown('2026-01-23 20:30:45')).toBe('2026-01-23 20:30:45')
})
