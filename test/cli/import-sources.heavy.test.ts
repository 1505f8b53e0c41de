import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { SmallDisk, whyNoDisk } from '../faults/small-disk.ts'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { range } from '../store/opened-store.ts'
import { temporaryFolder } from '../support/folders.ts'
import { residentBytes } from '../support/memory.ts'
import { inFile } from '../support/move.ts'
import { PhpChat, QUERIES, upload } from '../support/php-chat.ts'
import { runProgram, TestProgram } from '../support/processes.ts'
import type { Environment } from '../support/running-program.ts'
import { openBucket, openStore } from '../support/s3/bucket.ts'
import { waitFor } from '../support/wait.ts'

const MB = 1024 * 1024
const PAGE = { limit: 100, offset: 0 }

/** A folder with an empty chat. */
async function openFolder(): Promise<string> {
  const folder = temporaryFolder()
  await inFile(folder, async () => {})
  return folder
}

/** A line of NDJSON: a text of user 1 to user 2, unless it is said otherwise. */
function line(messageId: unknown, more: object = {}): string {
  const row = { message_id: messageId, sender_id: 1, receiver_id: 2, message: `Text ${messageId}` }
  return `${JSON.stringify({ ...row, created_at: '2024-05-01 12:00:00', ...more })}\n`
}

function importInto(folder: string, args: string[], settings: Environment = {}) {
  return runProgram('chat-api', ['import', ...args], folder, settings)
}

async function importStdin(folder: string, text: string | Buffer, args: string[] = []) {
  const program = new TestProgram('chat-api', ['import', '--messages', '-', ...args], folder, {})
  program.process.stdin?.end(text)
  return { code: await program.exit(), output: program.output, errors: program.errors }
}

function historyIn(folder: string, userId = 1) {
  return inFile(folder, (chat) => chat.messages.history(1, PAGE, userId))
}

test('messages come from stdin, users and blocks from files', async () => {
  const folder = await openFolder()
  const [users, blocks] = ['users', 'blocks'].map((name) => join(folder, `${name}.ndjson`))
  writeFileSync(users as string, '{"user_id":"1","name":"Al"}\n\n{"user_id":2,"username":"bob"}')
  writeFileSync(blocks as string, '{"user_id":1,"blocked_user_id":2}\n')
  upload(folder, 'chat/voice/a.ogg', '1234')
  const voice = { message_type: 'voice', media_url: 'uploads/chat/voice/a.ogg', message: null }
  const lines = [
    line('1', { is_read: true, read_at: '2024-05-01T13:00:00.000Z' }),
    line(2, { ...voice, media_duration: '7.6' }),
    '{"message_id":3,\n',
    line(2),
    line(4, { message: '\ud83d' }),
  ]
  const text = Buffer.concat([Buffer.from(`\ufeff${lines.join('')}`), Buffer.from([0x22, 0xff])])
  const args = ['--users', users as string, '--blocks', blocks as string]
  const { code, output, errors } = await importStdin(folder, text, args)

  expect({ code, errors: errors.split('\n') }).toEqual({
    code: 2,
    errors: [
      'messages: row 3: the line is no JSON object',
      'messages: message_id 4: message is no valid Unicode',
      'messages: row 6: the line is no valid UTF-8',
      'messages: message_id 2: it comes a second time',
      '',
    ],
  })
  expect(output).toContain('Reading messages: 6 rows, ')
  expect((await historyIn(folder)).messages).toMatchObject([
    { messageId: 1, readAt: '2024-05-01 13:00:00', sender: { name: 'Al' } },
    { messageId: 2, mediaDuration: 8, fileSize: 4, readAt: null },
  ])
  expect(await inFile(folder, (chat) => chat.blocks.find(1, 2))).toMatchObject({ isBlocked: true })
})

test('times are of CHAT_TIMEZONE, so that they are shown as before, or of another zone', async () => {
  for (const [args, stored] of [
    [['--timezone', 'Asia/Riyadh'], '2024-05-01 09:00:00'],
    [['--timezone', 'Asia/Riyadh', '--from-timezone', 'UTC'], '2024-05-01 12:00:00'],
  ] as const) {
    const folder = await openFolder()
    expect(await importStdin(folder, line(1), [...args])).toMatchObject({ code: 0 })
    expect((await historyIn(folder)).messages).toMatchObject([{ createdAt: stored }])
  }
})

test('of many refused rows the first are shown, and all are in the report', async () => {
  const folder = await openFolder()
  const text = range(100).map((id) => line(id, { receiver_id: 1 }))
  const shown = await importStdin(folder, text.join(''))
  expect(shown.errors.split('\n')).toHaveLength(21)
  expect(shown.output).toContain('80 more are not shown: --report <file> names all.\n')
  const report = join(folder, 'report.txt')
  const named = await importStdin(folder, text.join(''), ['--report', report])
  expect(named).toMatchObject({ code: 2, errors: '' })
  expect(readFileSync(report, 'utf8').split('\n')).toHaveLength(101)
})

test('the prefix of files is what the shop says it is', async () => {
  const folder = await openFolder()
  upload(folder, 'old/a.jpg')
  const image = { message_type: 'image', media_path: '/var/www/files/old/a.jpg', message: '' }
  const args = ['--media-prefix', '/var/www/files/']
  expect(await importStdin(folder, line(1, image), args)).toMatchObject({ code: 0, errors: '' })
  expect((await historyIn(folder)).messages).toMatchObject([{ mediaPath: 'old/a.jpg' }])
})

test('files are looked for in the bucket where media is kept', async () => {
  const folder = await openFolder()
  const bucket = await openBucket()
  upload(folder, 'chat/voice/a.ogg')
  const { store } = openStore(bucket)
  await store.put('chat/voice/a.ogg', join(folder, 'uploads/chat/voice/a.ogg'))
  const file = join(folder, 'messages.ndjson')
  const voice = (name: string) => ({ message_type: 'voice', media_path: `chat/voice/${name}.ogg` })
  writeFileSync(file, line(1, voice('a')) + line(2, voice('b')))
  const { code, errors } = await importInto(folder, ['--messages', file], bucket.settings)
  expect({ code, errors }).toEqual({
    code: 2,
    errors: 'messages: message_id 2: its file is not there, or cannot be read: chat/voice/b.ogg\n',
  })
  expect((await historyIn(folder)).messages).toMatchObject([{ messageId: 1, fileSize: 5 }])
})

test.for([
  [[], 'there is nothing to import: give --messages, --users or --blocks'],
  [
    ['--messages', '-', '--users', '-'],
    'stdin (-) can be one of --users, --messages and --blocks only',
  ],
  [['--messages', 'none.ndjson'], 'there is no file none.ndjson, and a query begins with SELECT'],
  [['--messages', 'SELECT 1'], 'a query needs --from mysql://user@host:3306/database'],
  [
    ['--messages', 'SELECT 1', '--from', 'mysql://root:secret@127.0.0.1/shop'],
    '--from must not hold the password: set CHAT_IMPORT_PASSWORD',
  ],
  [
    ['--messages', 'SELECT 1', '--from', 'shop.db'],
    '--from must be a URL such as mysql://user@host:3306/database',
  ],
  [
    ['--messages', '-', '--from-timezone', 'Mars/Olympus'],
    '--from-timezone must be the IANA name of a time zone, such as Asia/Riyadh',
  ],
] as const)('%s is refused in one line', async ([args, message]) => {
  const folder = await openFolder()
  const { code, errors } = await importInto(folder, [...args])
  expect({ code, errors }).toEqual({ code: 1, errors: `chat-api: ${message}\n` })
})

test.skipIf(whyNoDisk() !== undefined)(
  'a full TMPDIR is told of, and changes nothing',
  async () => {
    const folder = await openFolder()
    const temporary = temporaryFolder()
    const disk = new SmallDisk(temporary, MB)
    onTestFinished(() => disk.unmount())
    const file = join(folder, 'messages.ndjson')
    const message = 'x'.repeat(4_000)
    writeFileSync(
      file,
      range(10_000)
        .map((id) => line(id, { message }))
        .join(''),
    )
    const settings = { SQLITE_TMPDIR: temporary }
    const { code, errors } = await importInto(folder, ['--messages', file], settings)
    expect({ code, errors }).toEqual({
      code: 1,
      errors:
        'chat-api: There is no room for temporary files. Set TMPDIR to a folder that has some. ' +
        'Nothing was imported.\n',
    })
    expect(await inFile(folder, (chat) => chat.messages.lastId())).toBe(0)
  },
)

describe.skipIf(port === undefined)('from a server', () => {
  test('the password comes from the environment, and stands in no error', async () => {
    const source = await PhpChat.open(10)
    const user = `shop_${process.pid}`
    const [, database = ''] = /\/(\w+)$/.exec(source.url) ?? []
    const grant = `GRANT SELECT ON ${database}.* TO ${user}@'%' IDENTIFIED BY 'p@ss word'`
    await source.connection.query(grant)
    const from = source.url.replace('root@', `${user}@`)
    const folder = await openFolder()
    const args = ['--from', from, '--messages', QUERIES.messages]
    const settings = { CHAT_IMPORT_PASSWORD: 'p@ss word' }
    expect(await importInto(folder, args, settings)).toMatchObject({ code: 0, errors: '' })
    const wrong = await importInto(folder, args, { CHAT_IMPORT_PASSWORD: 'guessed' })
    expect(wrong.errors).toMatch(/^chat-api: mysql:\/\/shop_\d+@.* cannot be read \(Access denied/)
    expect(wrong.errors).toContain(' Set CHAT_IMPORT_PASSWORD.')
    expect(wrong.errors).not.toContain('guessed')
    await source.connection.query(`DROP USER ${user}@'%'`)
  })

  test('a query that the server does not take, or that would write, changes nothing', async () => {
    const source = await PhpChat.open(10)
    const folder = await openFolder()
    const run = (query: string) => importInto(folder, ['--from', source.url, '--messages', query])
    const { code, errors } = await run('SELECT id FROM nothing')
    expect(code).toBe(1)
    expect(errors).toMatch(
      /^chat-api: mysql:.*nothing' doesn't exist\)\. Nothing was imported\.\n$/,
    )
    await source.connection.query(`
      CREATE FUNCTION emptied() RETURNS INT MODIFIES SQL DATA
      BEGIN DELETE FROM users; RETURN 1; END
    `)
    expect((await run('SELECT emptied() AS message_id')).errors).toContain('READ ONLY transaction')
    expect(await source.query('SELECT id FROM users')).toHaveLength(50)
  })

  test('UTF-8 that a latin1 column garbles is pointed out', async () => {
    const source = await PhpChat.open(10)
    const query = QUERIES.messages.replace('CAST(message AS BINARY) AS message', 'message')
    const args = ['--from', source.url, '--messages', query, '--dry-run']
    const { output } = await importInto(await openFolder(), args)
    expect(output).toContain(
      '10 garbled: for UTF-8 in a latin1 column, SELECT CAST(message AS BINARY) AS message\n',
    )
  })

  test('a hundred thousand messages are imported in the memory of a fifth of them', async () => {
    const peakOf = async (count: number, database: string | undefined) => {
      const source = await PhpChat.open(count)
      const folder = await openFolder()
      const args = ['import', '--from', source.url, '--messages', QUERIES.messages]
      const settings = database === undefined ? {} : { CHAT_DATABASE: database }
      const program = new TestProgram('chat-api', args, folder, settings as Environment)
      const samples: number[] = []
      const sample = () => {
        if (!program.hasExited) samples.push(residentBytes(program.pid) || 0)
        return program.hasExited
      }
      await waitFor(sample, 'the import to end', 120_000)
      expect({ code: await program.exit(), errors: program.errors }).toEqual({
        code: 0,
        errors: '',
      })
      return Math.max(...samples)
    }
    const shared = [new TestDatabase(), new TestDatabase()]
    for (const database of shared) await database.open()
    for (const [few, many] of [[], shared.map(({ url }) => url)]) {
      const least = await peakOf(20_000, few)
      const peak = await peakOf(100_000, many)
      expect(peak - least).toBeLessThan(60 * MB)
    }
  }, 120_000)
})
