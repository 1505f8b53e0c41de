import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { get, type HttpAnswer, post, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, type TestProgram } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'

/** What some other program does to the database: it starts to write, and takes its time. */
function lock(folder: string): { release: () => void } {
  const sqlite = new Sqlite(join(folder, 'chat.db'))
  onTestFinished(() => void sqlite.close())
  sqlite.exec('BEGIN IMMEDIATE')
  return { release: () => sqlite.exec('ROLLBACK') }
}

function send(apiUrl: string, senderId: number): Promise<HttpAnswer> {
  const draft = { sender_id: senderId, receiver_id: 1000, message: 'Hello' }
  return post(`${apiUrl}/send_chat_message.php`, draft)
}

async function unreadCounts(apiUrl: string): Promise<number[]> {
  const { status, body } = await get(`${apiUrl}/get_conversations.php?user_id=1000`)
  expect(status).toBe(200)
  return body.data.conversations.map((one: { unread_count: number }) => one.unread_count)
}

const SENDERS = Array.from({ length: 20 }, (_, index) => index + 1)

test('while the database stays locked sends are answered 503, and reading goes on', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  await sendText(api.url, 1, 1000, 'Before')
  const { release } = lock(folder)

  const startedAt = performance.now()
  const sends = Promise.all(SENDERS.map((senderId) => send(api.url, senderId)))
  expect(await unreadCounts(api.url)).toEqual([1])
  expect((await get(`${api.url}/health`)).status).toBe(200)
  const answers = await sends

  expect(performance.now() - startedAt).toBeGreaterThan(4_000)
  for (const { status, headers, body } of answers) {
    expect(status).toBe(503)
    expect(headers.get('Retry-After')).toMatch(/^[1-9]\d*$/)
    expect(body).toEqual({
      status: 'error',
      message: 'The database is busy. Please try again in a moment.',
    })
  }

  const busy = { status: 'error', message: 'The database is busy. Please try again in a moment.' }
  expect(await get(`${api.url}/health`)).toMatchObject({ status: 503, body: busy })
  const warning = /warn .* is answered 503: The database is busy/g
  expect(api.program.output.match(warning)).toHaveLength(1)

  release()
  await sendText(api.url, 1, 1000, 'After')
  expect(await unreadCounts(api.url)).toEqual([2])
  await isAnsweredAgain(api)
  expect(api.program.output).not.toContain('failed')
})

/** It takes a success some seconds after the last failure. */
async function isAnsweredAgain({ url, program }: { url: string; program: TestProgram }) {
  const says = async () => {
    await sendText(url, 1, 1000, 'Still there?')
    return program.output.includes('info  POST /send_chat_message.php is answered again')
  }
  await waitFor(says, 'the log to say that it is over')
  expect((await get(`${url}/health`)).status).toBe(200)
}

test('a lock of a second delays sends and fails none of them', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  const { release } = lock(folder)

  let answered = 0
  const sends = SENDERS.map(async (senderId) => {
    const answer = await send(api.url, senderId)
    answered += 1
    return answer
  })
  await delay(1_000)
  expect(answered).toBe(0)
  release()

  for (const { status } of await Promise.all(sends)) expect(status).toBe(200)
  expect(await unreadCounts(api.url)).toEqual(SENDERS.map(() => 1))
})

test('a client that gives up waiting for a lock harms nobody', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  const { release } = lock(folder)

  const impatient = fetch(`${api.url}/send_chat_message.php`, {
    method: 'POST',
    body: JSON.stringify({ sender_id: 1, receiver_id: 1000, message: 'Hello' }),
    signal: AbortSignal.timeout(200),
  })
  await expect(impatient).rejects.toThrow('timeout')
  const patient = send(api.url, 2)
  release()

  expect((await patient).status).toBe(200)
  expect(api.program.hasExited).toBe(false)
  expect(api.program.output).not.toMatch(/failed| error /)
})
