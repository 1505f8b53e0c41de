import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { connect, get, post, sendText } from './support/clients.ts'
import { Device } from './support/device.ts'
import { startChat, startDaemon, temporaryFolder } from './support/processes.ts'
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

/** Resolves when a message that is sent now reaches a socket again, and both say that they are well. */
async function isWell({ api, daemon, sender }: Load): Promise<void> {
  await api.program.printed(/works again: .*/)
  await daemon.program.printed(/works again: .*/)
  await sender.succeeds()
  await sender.stop()
  expect(new Set(sender.refusals)).toEqual(new Set(['503 2']))
  expect((await get(`${api.url}/health`)).body.data.daemon).toBe('running')
}

/** A chore that was under way may say besides that it failed. */
function saysSoOnce(output: string): void {
  expect(output.match(/ was moved or deleted: nothing is stored for now$/gm)).toHaveLength(1)
  expect(output.match(/^.* info {2}Database .* works again: .*$/gm)).toHaveLength(1)
}

async function everythingReaches({ daemon, device, sender }: Load): Promise<void> {
  if (!device.isConnected) await device.connect(daemon.url)
  const ids = [...sender.acknowledged.keys()]
  await waitFor(() => device.messageIds.length >= ids.length, 'every message')
  expect(device.messageIds).toEqual(ids)
}

test.for([
  ['the file', ['']],
  ['the file with its log', ['', '-wal', '-shm']],
] as [string, string[]][])(
  'when %s is deleted nothing acknowledged is lost, and all goes on',
  { timeout: TIMEOUT_MS },
  async ([, suffixes]) => {
    const load = await startLoad()
    const { path, sender, api, daemon } = load
    for (const suffix of suffixes) rmSync(path + suffix)
    await isWell(load)

    expect(messagesIn(path)).toEqual(sender.acknowledged)
    await everythingReaches(load)
    saysSoOnce(api.program.output)
    saysSoOnce(daemon.program.output)
    expect(readdirSync(load.folder).filter((name) => name.includes('copy'))).toEqual([])
  },
)

test('when the log alone is deleted nothing is lost', { timeout: TIMEOUT_MS }, async () => {
  const load = await startLoad()
  rmSync(`${load.path}-wal`)
  await isWell(load)
  await load.api.program.stop()
  await load.daemon.program.stop()

  expect(messagesIn(load.path)).toEqual(load.sender.acknowledged)
})

test('a backup that takes the place of the file is used', { timeout: TIMEOUT_MS }, async () => {
  const load = await startLoad()
  const { path, sender, folder } = load
  const backup = join(folder, 'backup.db')
  const sqlite = new Sqlite(path)
  await sqlite.backup(backup)
  sqlite.close()
  const before = messagesIn(backup)
  await sender.succeeds()
  const acknowledged = new Map(sender.acknowledged)
  renameSync(backup, path)
  await isWell(load)

  const restored = messagesIn(path)
  for (const [id, message] of before) expect(restored.get(id)).toBe(message)
  const newest = [...sender.acknowledged].at(-1) as [number, string]
  expect(restored.get(newest[0])).toBe(newest[1])
  const [rescued] = readdirSync(folder).filter((name) => /rescued-\d+T\d+$/.test(name))
  const saved = messagesIn(join(folder, rescued as string))
  for (const [id, message] of acknowledged) expect(saved.get(id)).toBe(message)
})

test('a daemon alone puts the file back too', { timeout: TIMEOUT_MS }, async () => {
  const { folder, api, daemon } = await startChat()
  const { message_id } = await sendText(api.url, 1, 2, 'Hello')
  await api.program.kill()
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, `chat.db${suffix}`))
  await daemon.program.printed(/works again: it was put back/)

  expect(messagesIn(join(folder, 'chat.db'))).toEqual(new Map([[message_id, 'Hello']]))
  await connect(daemon.url, 2)
})

test('a file that comes back by itself is noticed, and nothing else', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = temporaryFolder()
  const daemon = await startDaemon(folder)
  const path = join(folder, 'chat.db')
  const socket = await connect(daemon.url, 1)
  renameSync(path, `${path}.away`)
  await daemon.program.printed(/was moved or deleted/)
  renameSync(`${path}.away`, path)
  await daemon.program.printed(/works again: the file is back/)

  await socket.settled()
  expect(existsSync(`${path}.away`)).toBe(false)
})
