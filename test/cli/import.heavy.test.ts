import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Chat } from '../../src/chat/chat.ts'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { range, send } from '../store/opened-store.ts'
import { sendText, TestDevice } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { inFile } from '../support/move.ts'
import { PhpChat, QUERIES, upload } from '../support/php-chat.ts'
import { runProgram, startApi, startDaemon, TestProgram } from '../support/processes.ts'
import { README } from '../support/readme.ts'
import {
  type Environment,
  executable,
  processEnvironment,
  RunningProcess,
} from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

const PAGE = { limit: 100, offset: 0 }
const ALL = ['--users', QUERIES.users, '--messages', QUERIES.messages, '--blocks', QUERIES.blocks]

/** An empty chat on an engine. */
interface Target {
  folder: string
  settings: Environment
  use<Result>(work: (chat: Chat) => Promise<Result>): Promise<Result>
}

async function openFile(): Promise<Target> {
  const folder = temporaryFolder()
  await inFile(folder, async () => {})
  return { folder, settings: {}, use: (work) => inFile(folder, work) }
}

async function openShared(): Promise<Target> {
  const database = new TestDatabase()
  const { store } = await database.open()
  const settings = { CHAT_DATABASE: database.url }
  return { folder: temporaryFolder(), settings, use: (work) => work(store) }
}

const ENGINES: [string, () => Promise<Target>][] = [
  ['an SQLite file', openFile],
  ['a shared database', openShared],
]

function importInto({ folder, settings }: Target, args: string[], more: Environment = {}) {
  return runProgram('chat-api', ['import', ...args], folder, { ...settings, ...more })
}

function importFrom(source: PhpChat, target: Target, ...args: string[]) {
  return importInto(target, ['--from', source.url, ...ALL, ...args])
}

/** What each user sees of a chat: who is on the list, in which order, and how much is unread. */
function listsOf(target: Target, userIds: number[]) {
  return target.use(async (chat) => {
    const lists = await Promise.all(userIds.map((id) => chat.conversations.list(id, PAGE)))
    return lists.map((list) =>
      list.map(({ other, lastMessage, unreadCount }) => ({
        otherId: other.userId,
        messageId: lastMessage.messageId,
        text: lastMessage.message,
        unreadCount,
      })),
    )
  })
}

/** The same, counted from the tables of PHP. @param refused ids of messages */
async function listsIn(source: PhpChat, userIds: number[], refused: number[] = []) {
  const rows = await source.query<Record<string, number>>(`
    SELECT user_id, other_id, MAX(id) AS last_id, SUM(is_unread) AS unread_count FROM (
      SELECT id, sender_id AS user_id, receiver_id AS other_id, 0 AS is_unread FROM messages
      UNION ALL SELECT id, receiver_id, sender_id, is_read = 0 FROM messages
    ) AS seen
    WHERE id NOT IN (${[0, ...refused].join()})
    GROUP BY user_id, other_id ORDER BY last_id DESC
  `)
  return userIds.map((id) =>
    rows
      .filter(({ user_id }) => user_id === id)
      .map(({ other_id, last_id, unread_count }) => ({
        otherId: other_id,
        messageId: last_id,
        text: `Grüße 😀 ${last_id}`,
        unreadCount: Number(unread_count),
      })),
  )
}

/** Rows that cannot be imported, and the reason that is given for each. */
const BROKEN: [columns: Record<string, string>, reason: string][] = [
  [{ sender_id: 'NULL' }, 'sender_id is no positive whole number'],
  [{ receiver_id: '1' }, 'sender_id and receiver_id must be two different users'],
  [{ message: "'  '" }, 'At least one of message, image, or voice must be provided'],
  [{ message: "REPEAT('x', 5001)" }, 'message must be at most 5000 characters long'],
  [{ message: "CONVERT(x'48C3' USING latin1)" }, 'message is no valid UTF-8'],
  [{ created_at: 'NULL' }, 'created_at is missing'],
  [{ created_at: "'0000-00-00 00:00:00'" }, 'created_at is missing'],
  [{ message_type: "'sticker'" }, 'message_type is none of text, image and voice'],
  [{ media_url: "'uploads/a.jpg'" }, 'message_type is text, but it has media'],
  [{ message_type: "'image'" }, 'media_url is missing'],
  [image('https://other.example/uploads/a.jpg'), 'its file is not below the uploads folder'],
  [image('uploads/../secret.jpg'), 'its file is not below the uploads folder'],
  [image('uploads/chat/gone.jpg'), 'its file is not there, or cannot be read: chat/gone.jpg'],
  [image('uploads/chat/link.jpg'), 'its file is not there, or cannot be read: chat/link.jpg'],
  [image('uploads/chat/empty.jpg'), 'its file is empty: chat/empty.jpg'],
  [image('/uploads/chat/a b.jpg'), 'its file is that of another message'],
]

function image(url: string): Record<string, string> {
  return { message_type: "'image'", media_url: `'${url}'` }
}

/** Those that the README has for the switch, on this source. */
function readmeCommands(source: PhpChat): string {
  const [, commands = ''] = /```bash\n(import_chat\(\) [^`]+)```/.exec(README) ?? []
  return commands.replace('mysql://shop@localhost:3306/shop', source.url)
}

describe.skipIf(port === undefined).each(ENGINES)('into %s', (_, open) => {
  test('the commands of the README import all that PHP stored', async () => {
    const source = await PhpChat.open(2_000)
    const target = await open()
    const { folder, settings } = target
    symlinkSync(executable('chat-api'), join(folder, 'chat-api'))
    const variables = processEnvironment(folder, settings)
    const env = { ...variables, PATH: `${folder}:${variables.PATH}` }
    const args = ['-ec', readmeCommands(source)]
    const shell = new RunningProcess('bash', args, { cwd: folder, env })
    onTestFinished(() => shell.kill())
    expect({ code: await shell.exit(), errors: shell.errors }).toEqual({ code: 0, errors: '' })
    expect(shell.output.match(/^messages: .*$/gm)).toEqual([
      'messages: 2,000 rows, 2,000 new, 0 there already, 0 read since',
      'messages: 2,000 rows, 2,000 new, 0 there already, 0 read since',
      'messages: 2,000 rows, 0 new, 2,000 there already, 0 read since',
    ])
    expect(readFileSync(join(folder, 'refused.txt'), 'utf8')).toBe('')
    const users = range(50)
    expect(await listsOf(target, users)).toEqual(await listsIn(source, users))
    expect(await target.use((chat) => chat.blocks.find(1, 2))).toMatchObject({ isBlocked: true })
  })

  test('what PHP stored is there with its ids, and each row that cannot be is named', async () => {
    const source = await PhpChat.open(3_000)
    const target = await open()
    upload(target.folder, 'chat/a b.jpg', '12345')
    upload(target.folder, 'chat/empty.jpg', '')
    symlinkSync('/etc/hostname', join(target.folder, 'uploads/chat/link.jpg'))
    await source.writeOne(4_000, {
      ...image('http://localhost:8080/uploads/chat/a%20b.jpg'),
      ...{ sender_id: '61', receiver_id: '62', message: 'NULL' },
    })
    for (const [index, [columns]] of BROKEN.entries()) await source.writeOne(5_000 + index, columns)
    const report = join(target.folder, 'refused.txt')

    const dry = await importFrom(source, target, '--dry-run', '--report', report)
    const named = readFileSync(report, 'utf8')
    expect(dry).toMatchObject({ code: 2, errors: '' })
    expect(dry.output).toContain('messages: 3,017 rows, 3,001 new, 0 there already')
    expect(dry.output).toContain('Nothing was written.\n')
    expect(await listsOf(target, [1])).toEqual([[]])

    const { code, output, errors } = await importFrom(source, target)
    const lines = BROKEN.map(([, reason], at) => `messages: message_id ${5_000 + at}: ${reason}\n`)
    expect({ code, errors }).toEqual({ code: 2, errors: lines.join('') })
    expect(named).toBe(errors)
    expect(output).toContain('  2 × messages: its file is not there, or cannot be read\n')
    expect(output).toContain('users: 50 rows, 50 new\n')
    expect(output).toContain('blocks: 9 rows, 9 new\n')

    const users = range(50)
    const refused = BROKEN.map((_, at) => 5_000 + at)
    expect(await listsOf(target, users)).toEqual(await listsIn(source, users, refused))
    await target.use(async (chat) => {
      expect(await chat.users.find(7)).toMatchObject({ username: 'user7', name: 'Ünal 7' })
      expect(await chat.blocks.find(1, 2)).toEqual({ isBlocked: true, isBlockedByOther: false })
      const { messages } = await chat.messages.since(62, 0, 10)
      expect(messages).toMatchObject([
        { messageId: 4_000, messageType: 'image', mediaPath: 'chat/a b.jpg', fileSize: 5 },
      ])
      // The ids of the rows that were refused are known to phones as well.
      expect((await send(chat, 61, 62)).messageId).toBe(5_000 + BROKEN.length)
    })
  })

  test('a second run adds what is new, and what was read since; a third nothing', async () => {
    const source = await PhpChat.open(2_500)
    const target = await open()
    expect(await importFrom(source, target)).toMatchObject({ code: 0, errors: '' })
    await source.write(2_501, 2_600)
    await source.connection.query('UPDATE messages SET is_read = 1 WHERE id BETWEEN 2400 AND 2550')

    const second = await importFrom(source, target)
    expect(second).toMatchObject({ code: 0, errors: '' })
    expect(second.output).toContain(
      'messages: 2,600 rows, 100 new, 2,500 there already, 34 read since\n',
    )
    expect(second.output).toContain('users: 50 rows, 0 new\n')
    expect(await listsOf(target, range(50))).toEqual(await listsIn(source, range(50)))

    const third = await importFrom(source, target)
    expect(third.output).toContain(
      'messages: 2,600 rows, 0 new, 2,600 there already, 0 read since\n',
    )
    expect(third.output).toContain('blocks: 9 rows, 0 new\n')
  })

  test('nothing is imported among messages that clients have written', async () => {
    const source = await PhpChat.open(100)
    const target = await open()
    await target.use((chat) => send(chat, 1, 2))
    const { code, errors } = await importFrom(source, target)
    expect({ code, errors }).toEqual({
      code: 1,
      errors:
        'chat-api: message_id 1 is another message there ' +
        '(sender_id, receiver_id, message, created_at). Nothing was imported.\n',
    })
    await source.connection.query('DELETE FROM messages WHERE id = 1')
    expect((await importFrom(source, target)).errors).toBe(
      'chat-api: message_id 1 is of a client there, and the source does not have it. ' +
        'Nothing was imported.\n',
    )
    expect(await target.use((chat) => chat.users.find(3))).toBeUndefined()
  })

  test('what clients write after an import keeps a later one out, if PHP went on as well', async () => {
    const source = await PhpChat.open(100)
    const target = await open()
    await importFrom(source, target)
    await target.use((chat) => send(chat, 20, 30))
    expect(await importFrom(source, target)).toMatchObject({ code: 0 })
    await source.write(101, 101)
    expect((await importFrom(source, target)).errors).toContain('message_id 101 is another message')
    await source.connection.query('UPDATE messages SET id = 102 WHERE id = 101')
    expect((await importFrom(source, target)).errors).toContain('message_id 101 is of a client')
  })

  test('a phone goes on where it was, and a message that is sent then comes after', async () => {
    const source = await PhpChat.open(1_000)
    const target = await open()
    await importFrom(source, target)
    const { url: daemon } = await startDaemon(target.folder, target.settings)
    const { url: api } = await startApi(target.folder, target.settings)
    const phone = new TestDevice(17)
    phone.lastMessageId = 900
    await phone.connect(daemon)
    const missed = await source.query<{ id: number }>(
      'SELECT id FROM messages WHERE receiver_id = 17 AND id > 900 ORDER BY id',
    )
    await waitFor(() => phone.messageIds.length === missed.length, 'what was missed')
    expect(phone.messageIds).toEqual(missed.map(({ id }) => id))
    expect(phone.recovered).toEqual([true])

    await sendText(api, 1, 17, 'After the switch')
    await waitFor(() => phone.lastMessageId === 1_001, 'the new message')
  })

  test('an import that is killed leaves nothing half done, and the next one adds the rest', async () => {
    const source = await PhpChat.open(30_000)
    const target = await open()
    const args = ['import', '--from', source.url, ...ALL]
    const program = new TestProgram('chat-api', args, target.folder, target.settings)
    const isUnderWay = () =>
      target.use(async (chat) => {
        const last = await chat.imports.firstIdBetween(4_000, 30_000)
        return last !== undefined || program.hasExited
      })
    await waitFor(isUnderWay, 'some messages')
    await program.kill()
    const ids = await target.use(async (chat) => {
      const conversations = await chat.conversations.list(1, PAGE)
      for (const { conversationId, unreadCount, lastMessage } of conversations) {
        const page = { limit: 100_000, offset: 0 }
        const { messages } = await chat.messages.history(conversationId, page, 1)
        const unread = messages.filter((one) => one.receiverId === 1 && one.readAt === null)
        expect(unread).toHaveLength(unreadCount)
        expect(messages.at(-1)?.messageId).toBe(lastMessage.messageId)
      }
      return conversations.length
    })
    expect(ids).toBeGreaterThan(0)
    expect(await importFrom(source, target)).toMatchObject({ code: 0, errors: '' })
    expect(await listsOf(target, range(50))).toEqual(await listsIn(source, range(50)))
  })
})
