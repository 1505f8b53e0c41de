import { existsSync, readFileSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { forgetUser } from '../../src/chat/forget.ts'
import { emptyWal } from '../../src/sqlite/checkpoint.ts'
import { openChat } from '../support/open-chat.ts'
import { HERE, range, readAll } from './opened-store.ts'

/** How often these bytes stand in the database file and its write-ahead log. */
function countIn(path: string, text: string): number {
  const files = [path, `${path}-wal`].filter(existsSync)
  return files.reduce(
    (sum, file) => sum + readFileSync(file).toString('latin1').split(text).length - 1,
    0,
  )
}

test('no byte of what a user wrote, nor of their name, is left in the file or its log', async () => {
  const { chat, database } = await openChat()
  const { daemonId } = await chat.daemons.register(HERE)
  const profile = { name: 'Rumpelstiltskin', username: 'Rumpelstiltskin' }
  await chat.connections.connect({ daemonId, userId: 1, address: '127.0.0.1', profile })
  const tail = chat.events.tail()
  for (const round of range(20)) {
    // From one character to several pages: rows move between pages, and overflow them.
    await Promise.all(
      range(50).map((n) => {
        const text = 'x'.repeat((n * n * round) % 4_900)
        return chat.messages.post({
          senderId: 1 + (n % 3),
          receiverId: 4 + (n % 5),
          message: `${n % 3 === 0 ? 'Secret' : 'Other'} ${text}`,
        })
      }),
    )
    await readAll(tail)
    if (round % 2 === 0) while (await tail.deleteRead(new Set()));
  }
  await emptyWal(database.path)
  const others = countIn(database.path, 'Other ')
  expect(countIn(database.path, 'Secret')).toBeGreaterThan(300)
  expect(countIn(database.path, 'Rumpelstiltskin')).toBeGreaterThan(0)

  await forgetUser({ chat, removeFile: async () => {} }, 1)
  await emptyWal(database.path)

  expect(countIn(database.path, 'Secret')).toBe(0)
  expect(countIn(database.path, 'Rumpelstiltskin')).toBe(0)
  expect(countIn(database.path, 'Other ')).toBe(others)
})

test('while another program keeps a read open, it is said where the bytes still are', async () => {
  const { chat, database } = await openChat()
  const reader = new Sqlite(database.path)
  reader.exec('BEGIN; SELECT * FROM users')
  await chat.messages.post({ senderId: 1, receiverId: 2, message: 'Secret' })
  const emptied = emptyWal(database.path, 100)
  await expect(emptied).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(`still in ${database.path}-wal`),
  })
  reader.close()
  await emptyWal(database.path)
})
