import { existsSync } from 'node:fs'
import type { Chat } from '../chat/chat.ts'
import type { Config } from '../config.ts'
import { ChatError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Database } from '../sqlite/database.ts'
import { type OpenOptions, openDatabase } from '../sqlite/open-database.ts'
import { SqliteStore } from '../sqlite/store.ts'

/** The chat that CHAT_DATABASE names, and what keeps its engine running. */
export interface OpenedStore {
  chat: Chat
  database: Database
}

/** For a service: creates the database where there is none, and migrates an older one. */
export function openStore(
  config: Config,
  log: Log,
  options: { durable: boolean },
): Promise<OpenedStore> {
  const onMigrated = (from: number, to: number) =>
    log.info(`Database ${config.database} migrated from schema ${from} to ${to}`)
  return open(config, { ...options, onMigrated })
}

/** For a command beside the services: no database is created or migrated for it. */
export async function openExistingStore(config: Config): Promise<OpenedStore> {
  if (existsSync(config.database)) return open(config, { durable: false })
  throw new ChatError('setup', `there is no database ${config.database} yet. Start the chat first.`)
}

async function open(config: Config, options: OpenOptions): Promise<OpenedStore> {
  const database = await openDatabase(config.database, options)
  return { database, chat: new SqliteStore(database, config) }
}
