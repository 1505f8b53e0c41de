import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { connect, get, post, sendText } from '../support/clients.ts'
import { withDatabase } from '../support/doctor.ts'
import { filesBelow, settled, temporaryFolder } from '../support/folders.ts'
import { multipart } from '../support/forms.ts'
import { JPEG, picture, recording } from '../support/media.ts'
import { filledFolder } from '../support/move.ts'
import { runProgram, startApi, startChat, TestProgram } from '../support/processes.ts'
import type { Environment } from '../support/running-program.ts'
import { openBucket } from '../support/s3/bucket.ts'
import { waitFor } from '../support/wait.ts'

const SECRET = 'Rumpelstiltskin'
const DELETED = '(deleted)'

interface Media {
  folder: string
  settings: Environment
  /** The files that there are. */
  files: () => Promise<string[]>
}

function forget(folder: string, settings: Environment = {}, userId = '1') {
  return runProgram('chat-api', ['forget', userId], folder, settings)
}

async function sendMedia(apiUrl: string, kind: 'image' | 'voice', senderId: number) {
  const file = kind === 'image' ? picture() : recording()
  const form = multipart({
    sender_id: senderId,
    receiver_id: 3 - senderId,
    [kind]: file,
    message: SECRET,
  })
  return (await post(`${apiUrl}/send_chat_message.php`, form)).body.data
}

/** What a folder's files say, database and all. */
function bytesBelow(folder: string): string {
  return filesBelow(folder)
    .map((path) => readFileSync(join(folder, path), 'latin1'))
    .join('\n')
}

/** Users 1 and 2 write to each other while 1 is forgotten, and 2 looks at it afterwards. */
async function checkForgetting({ folder, settings, files }: Media): Promise<void> {
  const { api, daemon } = await startChat(settings, folder)
  const profile = { name: SECRET, username: SECRET, profile_url: `https://shop.example/${SECRET}` }
  const [socket, other] = [await connect(daemon.url, 1, profile), await connect(daemon.url, 2)]
  const first = await sendText(api.url, 1, 2, SECRET)
  await sendMedia(api.url, 'image', 1)
  await sendMedia(api.url, 'voice', 1)
  const theirs = await sendMedia(api.url, 'image', 2)
  await other.event('chat:message', 3)

  const { code, output, errors } = await forget(folder, settings)
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
  expect(output).toBe(
    'User 1 is forgotten: 3 messages and 2 files are deleted, and the profile is empty\n',
  )

  expect((await socket.whenClosed()).code).toBe(4401)
  expect(await files()).toEqual([new URL(theirs.media_url).pathname.slice('/uploads/'.length)])
  const query = 'user_id=2&other_user_id=1'
  const history = await get(`${api.url}/get_conversation_messages.php?${query}`)
  const kept = {
    message: DELETED,
    message_type: 'text',
    sender_name: 'User 1',
    sender_username: '',
  }
  expect(history.body.data.messages).toMatchObject([kept, kept, kept, { message: SECRET }])
  expect(history.body.data.messages[0]).toMatchObject({
    message_id: first.message_id,
    created_at: first.created_at,
  })
  const list = await get(`${api.url}/get_conversations.php?user_id=1`)
  expect(list.body.data.conversations).toMatchObject([{ last_message: { message: SECRET } }])

  // Resumed from the first message: the other two, in order.
  const resumed = await connect(daemon.url, 2, { last_message_id: `${first.message_id}` })
  expect(await resumed.event('chat:message', 2)).toMatchObject({ message: DELETED })
  expect(resumed.all('chat:connected')).toMatchObject([{ recovered: true }])
  const again = await forget(folder, settings)
  expect(again.output).toContain('0 messages and 0 files')
  await sendText(api.url, 2, 1, 'Goodbye')
}

test('forget takes what a user wrote from a running chat, and leaves what others wrote', async () => {
  const folder = temporaryFolder()
  const uploads = join(folder, 'uploads')
  await checkForgetting({ folder, settings: {}, files: () => settled(uploads) })
})

test('forget takes the files out of a bucket too', async () => {
  const bucket = await openBucket()
  const keys = async () => (await bucket.keys()).filter((key) => !key.startsWith('.incoming'))
  await checkForgetting({ folder: temporaryFolder(), settings: bucket.settings, files: keys })
})

test.skipIf(port === undefined)('forget works on a server', async () => {
  const folder = temporaryFolder()
  const settings = { CHAT_DATABASE: new TestDatabase().url }
  await checkForgetting({ folder, settings, files: () => settled(join(folder, 'uploads')) })
})

test('nothing that a forgotten user wrote stands in any file of the chat', async () => {
  const folder = temporaryFolder()
  const { api, daemon } = await startChat({}, folder)
  const socket = await connect(daemon.url, 1, { name: SECRET })
  for (let count = 0; count < 50; count += 1) await sendText(api.url, 1, 2, `${SECRET} ${count}`)
  await sendMedia(api.url, 'image', 1)
  await settled(join(folder, 'uploads'))
  expect(bytesBelow(folder)).toContain(SECRET)
  expect(await forget(folder)).toMatchObject({ code: 0 })
  await socket.whenClosed()
  expect(bytesBelow(folder)).not.toContain(SECRET)
})

test('events that wait for a daemon carry nothing of it either', async () => {
  const folder = temporaryFolder()
  const { url } = await startApi(folder)
  await sendText(url, 1, 2, SECRET)
  expect(await forget(folder)).toMatchObject({ code: 0 })
  expect(bytesBelow(folder)).not.toContain(SECRET)
})

test('forget that was killed has left no file without a message, and goes on', async () => {
  const folder = await filledFolder(1_000)
  const uploads = join(folder, 'uploads')
  const images = join(uploads, 'chat/images')
  mkdirSync(images, { recursive: true })
  const database = join(folder, 'chat.db')
  withDatabase(database, (file) => {
    const setMedia = file.prepare(`
      UPDATE messages SET message_type = 'image', media_path = ?, file_size = 1
      WHERE message_id = ?
    `)
    for (let id = 10; id <= 1_000; id += 10) {
      writeFileSync(join(images, `${id}.jpg`), JPEG)
      setMedia.run(`chat/images/${id}.jpg`, id)
    }
  })
  const count = (condition: string) => {
    let found = 0
    withDatabase(database, (file) => {
      const sql = `SELECT count(*) FROM messages WHERE ${condition}`
      found = file.prepare(sql).pluck().get() as number
    })
    return found
  }
  const killed = new TestProgram('chat-api', ['forget', '1'], folder, {})
  await waitFor(() => count(`message = '${DELETED}'`) > 200, 'some to be forgotten')
  await killed.kill()

  const left = count('media_path IS NOT NULL')
  expect(left).toBeGreaterThan(0)
  expect(filesBelow(uploads).length).toBeLessThanOrEqual(left)
  const { output } = await forget(folder)
  expect(output).toContain('messages and ')
  expect(filesBelow(uploads)).toEqual([])
  expect(count(`message = '${DELETED}' AND media_path IS NULL`)).toBe(1_000)
})

test('a user who was never there is an error that says so', async () => {
  const folder = await filledFolder(1)
  expect(await forget(folder, {}, '7')).toEqual({
    code: 1,
    output: expect.anything(),
    errors: 'chat-api: User 7 has never connected, written or been written to\n',
  })
  expect(await forget(folder, {}, 'john')).toMatchObject({
    code: 1,
    errors: 'chat-api: user_id takes a positive integer, not "john"\n',
  })
})

test('messages that are older than CHAT_RETENTION_DAYS are forgotten within a minute', async () => {
  const folder = await filledFolder(250)
  withDatabase(join(folder, 'chat.db'), (file) => {
    file.exec(
      "UPDATE messages SET created_at = datetime('now', '-25 hours') WHERE message_id < 250",
    )
  })
  const { url, program } = await startApi(folder, { CHAT_RETENTION_DAYS: '1' })
  const query = 'user_id=1&other_user_id=2&limit=2'
  const texts = async () => {
    const { body } = await get(`${url}/get_conversation_messages.php?${query}`)
    return body.data.messages.map(({ message }: { message: string }) => message)
  }
  await waitFor(async () => (await texts())[0] === DELETED, 'the old ones to go', 90_000)
  expect(await texts()).toEqual([DELETED, 'This is the message of number 250'])
  expect(await program.stop()).toBe(0)
}, 120_000)
