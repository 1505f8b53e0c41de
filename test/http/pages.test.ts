import { expect, test } from 'vitest'
import { get, type HttpAnswer, post, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { urlencoded } from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'

const ANNA = 1000
const BILAL = 22

/** More than the largest page takes. */
const COUNT = 103

interface Sent {
  message_id: number
  receiver_id: number
}

interface Listed {
  id: number
  other_user_id: number
}

/** Sends all at once; the ids tell in which order they were taken. */
async function sendMany(apiUrl: string, receiverIds: number[]): Promise<Sent[]> {
  const sends = receiverIds.map((receiverId) => sendText(apiUrl, ANNA, receiverId, 'Hello'))
  return (await Promise.all(sends)).sort((a, b) => a.message_id - b.message_id)
}

async function fillConversation(apiUrl: string): Promise<number[]> {
  const sent = await sendMany(apiUrl, Array(COUNT).fill(BILAL))
  return sent.map((message) => message.message_id)
}

function messages(apiUrl: string, page: Record<string, number | string> = {}): Promise<HttpAnswer> {
  const query = urlencoded({ user_id: ANNA, other_user_id: BILAL, ...page })
  return get(`${apiUrl}/get_conversation_messages.php?${query}`)
}

function conversations(
  apiUrl: string,
  page: Record<string, number | string> = {},
): Promise<HttpAnswer> {
  return get(`${apiUrl}/get_conversations.php?${urlencoded({ user_id: ANNA, ...page })}`)
}

function idsOf(answer: HttpAnswer): number[] {
  expect(answer.status).toBe(200)
  return answer.body.data.messages.map((message: Listed) => message.id)
}

function othersOf(answer: HttpAnswer): number[] {
  expect(answer.status).toBe(200)
  return answer.body.data.conversations.map((one: Listed) => one.other_user_id)
}

test('a page of messages has 50, or the limit asked for, or 100', async () => {
  const api = await startApi(temporaryFolder())
  const ids = await fillConversation(api.url)

  expect(idsOf(await messages(api.url))).toEqual(ids.slice(-50))
  expect(idsOf(await messages(api.url, { limit: 1 }))).toEqual(ids.slice(-1))
  expect(idsOf(await messages(api.url, { limit: 100 }))).toEqual(ids.slice(-100))
  const beyond = await messages(api.url, { limit: 101 })
  expect(idsOf(beyond)).toEqual(ids.slice(-100))
  expect(beyond.body.data.limit).toBe(100)
  const farBeyond = await messages(api.url, { limit: Number.MAX_SAFE_INTEGER })
  expect(idsOf(farBeyond)).toEqual(ids.slice(-100))
})

test('offset counts messages from the newest; beyond the oldest is an empty page', async () => {
  const api = await startApi(temporaryFolder())
  const ids = await fillConversation(api.url)

  expect(idsOf(await messages(api.url, { limit: 10, offset: 0 }))).toEqual(ids.slice(-10))
  expect(idsOf(await messages(api.url, { limit: 10, offset: 1 }))).toEqual(ids.slice(-11, -1))
  expect(idsOf(await messages(api.url, { limit: 10, offset: COUNT - 1 }))).toEqual([ids[0]])
  const end = await messages(api.url, { limit: 10, offset: COUNT })
  expect(idsOf(end)).toEqual([])
  expect(end.body.data.has_more).toBe(false)
})

test('before_message_id walks through all messages, each once, to the oldest', async () => {
  const api = await startApi(temporaryFolder())
  const ids = await fillConversation(api.url)

  const walked: number[] = []
  let page = await messages(api.url, { limit: 20 })
  walked.unshift(...idsOf(page))
  while (page.body.data.has_more) {
    page = await messages(api.url, { limit: 20, before_message_id: walked[0] as number })
    walked.unshift(...idsOf(page))
  }

  expect(walked).toEqual(ids)
  const end = await messages(api.url, { before_message_id: ids[0] as number })
  expect(idsOf(end)).toEqual([])
})

test('pages are one list, whoever of the two wrote what', async () => {
  const api = await startApi(temporaryFolder())
  const ids: number[] = []
  for (let index = 0; index < 40; index += 1) {
    // Several of one in a row, then turns, then several of the other.
    const isAnna = index < 15 || (index < 25 && index % 2 === 0)
    const [from, to] = isAnna ? [ANNA, BILAL] : [BILAL, ANNA]
    ids.push((await sendText(api.url, from as number, to as number, 'Hello')).message_id)
    await sendText(api.url, ANNA, 33, 'To somebody else')
  }

  for (let offset = 0; offset <= 40; offset += 7) {
    const page = await messages(api.url, { limit: 10, offset })
    expect(idsOf(page)).toEqual(ids.slice(Math.max(0, 30 - offset), 40 - offset))
    const beforeId = ids[39 - (offset % 40)] as number
    const before = await messages(api.url, { limit: 10, before_message_id: beforeId, offset: 3 })
    expect(idsOf(before)).toEqual(
      ids
        .filter((id) => id < beforeId)
        .slice(0, -3)
        .slice(-10),
    )
  }
})

test('before_message_id walks on undisturbed while new messages arrive', async () => {
  const api = await startApi(temporaryFolder())
  const first = await sendText(api.url, ANNA, BILAL, 'First')
  const second = await sendText(api.url, BILAL, ANNA, 'Second')
  const newest = await messages(api.url, { limit: 1 })
  await sendText(api.url, ANNA, BILAL, 'Third')

  const older = await messages(api.url, { limit: 1, before_message_id: second.message_id })

  expect(idsOf(newest)).toEqual([second.message_id])
  expect(idsOf(older)).toEqual([first.message_id])
})

test('has_more is true until the page that holds the oldest', async () => {
  const api = await startApi(temporaryFolder())
  for (const text of ['One', 'Two', 'Three']) await sendText(api.url, ANNA, BILAL, text)

  const hasMore = async (page: Record<string, number>) =>
    (await messages(api.url, page)).body.data.has_more
  expect(await hasMore({ limit: 2 })).toBe(true)
  expect(await hasMore({ limit: 3 })).toBe(false)
  expect(await hasMore({ limit: 2, offset: 1 })).toBe(false)
})

test('a page of conversations has 50, or the limit asked for, or 100', async () => {
  const api = await startApi(temporaryFolder())
  // Half of them below Anna's own id, half above: each comes from another side of the table.
  const others = Array.from({ length: COUNT }, (_, index) => (index % 2 === 0 ? 500 : -500) + index)
  const sent = await sendMany(
    api.url,
    others.map((id) => ANNA + id),
  )
  const newestFirst = sent.map((message) => message.receiver_id).reverse()

  const usual = await conversations(api.url)
  expect(othersOf(usual)).toEqual(newestFirst.slice(0, 50))
  expect(usual.body.data.has_more).toBe(true)
  expect(othersOf(await conversations(api.url, { limit: 1 }))).toEqual(newestFirst.slice(0, 1))
  expect(othersOf(await conversations(api.url, { limit: 100 }))).toEqual(newestFirst.slice(0, 100))
  const beyond = await conversations(api.url, { limit: 101 })
  expect(othersOf(beyond)).toEqual(newestFirst.slice(0, 100))
  expect(beyond.body.data.limit).toBe(100)
  const rest = await conversations(api.url, { limit: 100, offset: 100 })
  expect(othersOf(rest)).toEqual(newestFirst.slice(100))
  expect(rest.body.data.has_more).toBe(false)
})

test('an offset beyond 10,000 counts as 10,000', async () => {
  const api = await startApi(temporaryFolder())
  await sendText(api.url, ANNA, BILAL, 'Hello')

  for (const call of [messages, conversations]) {
    const at = await call(api.url, { offset: 10_000 })
    const beyond = await call(api.url, { offset: 10_001 })

    expect(at.status).toBe(200)
    expect(at.body.data.offset).toBe(10_000)
    expect(beyond.status).toBe(200)
    expect(beyond.body.data.offset).toBe(10_000)
  }
})

test('a limit or offset that makes no sense is refused by name', async () => {
  const api = await startApi(temporaryFolder())
  const people = { user_id: ANNA, other_user_id: BILAL }
  const bad = {
    limit: [0, -1, 1.5, '1e1', ' 5 ', 'all', true, [5], {}, 2 ** 53],
    offset: [-1, 0.5, '1e1', ' 5 ', 'all', true, [5], {}, 2 ** 53],
  }

  for (const endpoint of ['get_conversations.php', 'get_conversation_messages.php']) {
    for (const [name, values] of Object.entries(bad)) {
      for (const value of values) {
        const answer = await post(`${api.url}/${endpoint}`, { ...people, [name]: value })

        expect(answer.status, `${name}=${value}`).toBe(400)
        expect(answer.body).toEqual({ status: 'error', message: expect.stringContaining(name) })
      }
    }
  }
})
