import { hostname } from 'node:os'
import { type Config, settings } from '../config/config.ts'
import { ChatError, messageOf } from '../errors.ts'
import type { DatabaseAddress } from '../mysql/address.ts'
import type { Import } from '../mysql/import.ts'
import { Export } from '../sqlite/export.ts'
import { readPidFile, serviceFiles } from './background.ts'
import { chunksOf } from './chunks.ts'
import { addressOf, isShared, openExistingStore } from './open-store.ts'
import { configFrom, type Flags } from './program.ts'
import { grouped, Progress } from './progress.ts'
import { printTable } from './terminal.ts'

/** `chat-api move <url>`: copies everything from the SQLite file into an empty database on a server. */
export async function move(url: string, flags: Flags): Promise<void> {
  const config = configFrom(flags)
  const address = addressOf({ ...config, database: targetUrl(url, config) })
  await assertStopped(config)
  console.log(`Moving ${config.database} to ${url}`)
  const source = new Export(config.database)
  try {
    await moveTo(address, source)
  } finally {
    await source.close()
  }
  console.log(`Both are the same. Set CHAT_DATABASE=${url} for both programs, and start them.`)
  console.log(`${config.database} is as it was; files stay in ${config.uploadsDir}.`)
}

/** @throws ChatError `setup` */
function targetUrl(url: string, config: Config): string {
  if (isShared(config)) {
    const message = 'CHAT_DATABASE names the SQLite file to move. Set the URL when it is moved.'
    throw new ChatError('setup', message)
  }
  try {
    const database = settings.database.parse(url)
    if (isShared({ database })) return database
  } catch (error) {
    throw new ChatError('setup', `The URL ${messageOf(error)}`)
  }
  throw new ChatError('setup', 'The URL must be one such as mysql://user@host:3306/database')
}

/** Names who has the database open, where it is known; for others the lock speaks. */
async function assertStopped(config: Config): Promise<void> {
  for (const service of ['chat-api', 'chat-websocket']) {
    const pid = readPidFile(serviceFiles(config.pidDir, service).pidFile)
    if (pid === undefined) continue
    const message = `${service} runs (pid ${pid}). Stop it first: ${service} stop`
    throw new ChatError('setup', message)
  }
  const chat = await openExistingStore(config)
  try {
    await chat.daemons.assertFree(hostname())
  } finally {
    await chat.close()
  }
}

async function moveTo(address: DatabaseAddress, source: Export): Promise<void> {
  const { Import } = await import('../mysql/import.ts')
  const target = await Import.begin(address)
  try {
    await copy(source, target)
    await check(source, target)
    await target.finish(source.tables)
  } catch (error) {
    throw halfMoved(error)
  } finally {
    await target.close()
  }
}

async function copy(source: Export, target: Import): Promise<void> {
  const progress = new Progress('Copying', source.count)
  for (const table of source.tables) {
    for await (const rows of chunksOf(source.rows(table), lengthOf)) {
      await target.add(table, rows)
      progress.advance(rows.length)
    }
  }
  progress.end()
}

/** Compares what the target has with what was read from the source. */
async function check(source: Export, target: Import): Promise<void> {
  const progress = new Progress('Checking', source.count)
  const lines: string[][] = []
  for (const table of source.tables) {
    const { count, text } = await target.check(table, progress.advance)
    lines.push([table.name, `${grouped(count)} rows`, `checksum ${text}`])
  }
  progress.end()
  printTable(lines)
}

function lengthOf(row: unknown[]): number {
  return row.reduce((sum: number, value) => sum + String(value).length, 0)
}

function halfMoved(error: unknown): unknown {
  if (!(error instanceof ChatError)) return error
  const advice = 'The target is half moved: drop it and create it again before the next try.'
  return new ChatError('setup', `${messageOf(error)} ${advice}`, { cause: error })
}
