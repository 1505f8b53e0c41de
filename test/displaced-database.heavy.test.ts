import { execFileSync } from 'node:child_process'
import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { connect, Device, get, post } from './support/clients.ts'
import { temporaryFolder } from './support/folders.ts'
import { startApi, startChat, startDaemon } from './support/processes.ts'
import { waitFor } from './support/wait.ts'

const TIMEOUT_MS = 60_000

/** Every message in a database file, by id. */
function messagesIn(path: string): Map<number, string> {
  const sqlite = new Sqlite(path, { fileMustExist: true })
  try {
    expect(sqlite.pragma('integrity_check', { simple: true })).toBe('ok')
    const rows = sqlite.prepare('SELECT message_id, message FROM messages').raw().all()
    return new Map(rows as [number, string][])
  } finally {
    sqlite.close()
  }
}

/** Sends from user 1 to user 2, one after the other, until told to stop. */
class Sender {
  readonly acknowledged = new Map<number, string>()
  readonly refusals: string[] = []
  readonly #running: Promise<void>
  #isStopped = false

  constructor(apiUrl: string) {
    this.#running = this.#run(apiUrl)
  }

  /** Resolves when another message was acknowledged. */
  async succeeds(): Promise<void> {
    const before = this.acknowledged.size
    await waitFor(() => this.acknowledged.size > before + 1, 'an acknowledged send')
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #run(apiUrl: string): Promise<void> {
    for (let number = 1; !this.#isStopped; number += 1) {
      const draft = { sender_id: 1, receiver_id: 2, message: `Message ${number}` }
      const { status, headers, body } = await post(`${apiUrl}/send_chat_message.php`, draft)
      if (status === 200) this.acknowledged.set(body.data.message_id, draft.message)
      else this.refusals.push(`${status} ${headers.get('Retry-After')}`)
    }
  }
}

/** A chat under load, with a device that comes back whenever its socket is closed. */
async function startLoad() {
  const { folder, api, daemon } = await startChat()
  const path = join(folder, 'chat.db')
  const device = new Device(2)
  await device.connect(daemon.url)
  const sender = new Sender(api.url)
  await sender.succeeds()
  return { folder, api, daemon, path, device, sender }
}

type Load = Awaited<ReturnType<typeof startLoad>>

const OUT_OF_PLACE = 'The database is not in its place: nothing can be stored.'
/** What stands in the log: the command that saves the open database. */
const SAID = /was moved, deleted or replaced: nothing is stored any more: Save what is open: (.*?);/

/** Resolves, when sends are refused and both say so, with what the API's log tells an operator to do. */
async function isRefused({ api, daemon, sender }: Load): Promise<string> {
  await waitFor(() => sender.refusals.length > 1, 'sends to be refused')
  await daemon.program.printed(SAID)
  const command = await api.program.printed(SAID)
  for (const url of [api.url, daemon.url.replace('ws', 'http')]) {
    expect(await get(`${url}/health`)).toMatchObject({
      status: 503,
      body: { message: OUT_OF_PLACE },
    })
  }
  await sender.stop()
  expect(new Set(sender.refusals)).toEqual(new Set(['503 30']))
  return command
}

function saysSoOnce(output: string): void {
  expect(output.match(new RegExp(SAID, 'g'))).toHaveLength(1)
  expect(output).not.toMatch(/^ +at /m)
}

test.for([
  ['the file', ['']],
  ['the file with its log', ['', '-wal', '-shm']],
  ['the log alone', ['-wal']],
] as [string, string[]][])(
  'when %s is deleted sends are refused, and the open files hold all that was acknowledged',
  { timeout: TIMEOUT_MS },
  async ([, suffixes]) => {
    const load = await startLoad()
    const { path, sender, api, daemon, device, folder } = load
    for (const suffix of suffixes) rmSync(path + suffix)

    const command = await isRefused(load)
    execFileSync('sh', ['-c', command])
    await Promise.all([api.program.stop(), daemon.program.stop()])

    expect(messagesIn(`${path}.saved`)).toEqual(sender.acknowledged)
    saysSoOnce(api.program.output)
    saysSoOnce(daemon.program.output)
    // As the log says: put it in its place, and restart.
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    renameSync(`${path}.saved`, path)
    const [, restarted] = await Promise.all([startApi(folder), startDaemon(folder)])
    await device.connect(restarted.url)
    const ids = [...sender.acknowledged.keys()]
    await waitFor(() => device.messageIds.length >= ids.length, 'every message')
    expect(device.messageIds).toEqual(ids)
  },
)

test('when another file takes its place nothing is acknowledged into either', {
  timeout: TIMEOUT_MS,
}, async () => {
  const load = await startLoad()
  const { path, sender, api, daemon, folder } = load
  const backup = join(folder, 'backup.db')
  const sqlite = new Sqlite(path)
  await sqlite.backup(backup)
  sqlite.close()
  copyFileSync(backup, `${backup}-before`)
  await sender.succeeds()
  renameSync(backup, path)

  const command = await isRefused(load)
  execFileSync('sh', ['-c', command])
  await Promise.all([api.program.stop(), daemon.program.stop()])

  expect(messagesIn(`${path}.saved`)).toEqual(sender.acknowledged)
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
  expect(messagesIn(path)).toEqual(messagesIn(`${backup}-before`))
})

test('a file that is moved back is written to again', { timeout: TIMEOUT_MS }, async () => {
  const folder = temporaryFolder()
  const daemon = await startDaemon(folder)
  const api = await startApi(folder)
  const path = join(folder, 'chat.db')
  const socket = await connect(daemon.url, 1)
  renameSync(path, `${path}.away`)
  await daemon.program.printed(SAID)
  renameSync(`${path}.away`, path)
  await daemon.program.printed(/is in its place again/)

  await socket.settled()
  const draft = { sender_id: 2, receiver_id: 1, message: 'Back' }
  expect((await post(`${api.url}/send_chat_message.php`, draft)).status).toBe(200)
  expect(await socket.event('chat:message')).toMatchObject({ message: 'Back' })
})
