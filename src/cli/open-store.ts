import { existsSync } from 'node:fs'
import type { Chat } from '../chat/chat.ts'
import type { Config } from '../config/config.ts'
import { ChatError } from '../errors.ts'
import type { LimitStore } from '../limits/limit-store.ts'
import type { Log } from '../log.ts'
import { walBytes } from '../sqlite/checkpoint.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { SqliteStore } from '../sqlite/store.ts'
import { startUpkeep } from '../sqlite/upkeep.ts'
import { WalWatcher } from '../sqlite/wal-watcher.ts'
import type { Doorbell } from '../websocket/poller.ts'

/** The chat on the engine that CHAT_DATABASE names, for a service. */
export interface OpenedStore {
  chat: Chat
  /** Rings when another process has committed. */
  doorbell: Doorbell
  /** Where the APIs on this engine count what users do; undefined if there is one API alone. */
  limitStore: LimitStore | undefined
  walBytes: () => number
  /** The number of retries of writes that found the database locked. */
  retriedCount: () => number
  /** Stops the jobs of the engine, then closes it. */
  close(): Promise<void>
}

/** For a service: creates the database when it is missing, and migrates an older one. */
export async function openStore(
  config: Config,
  log: Log,
  options: { durable: boolean },
): Promise<OpenedStore> {
  const onMigrated = (from: number, to: number) =>
    log.info(`Database ${config.database} migrated from schema ${from} to ${to}`)
  const database = await openDatabase(config.database, { ...options, onMigrated })
  const chat = new SqliteStore(database, config)
  const upkeep = startUpkeep(database, log)
  return {
    chat,
    doorbell: new WalWatcher(config.database, log),
    limitStore: undefined,
    walBytes: () => walBytes(config.database),
    retriedCount: () => database.retriedCount,
    close: async () => {
      await upkeep.stop()
      await chat.close()
    },
  }
}

/** For a command beside the services: creates and migrates no database. */
export async function openExistingStore(config: Config): Promise<Chat> {
  if (!existsSync(config.database)) {
    throw new ChatError(
      'setup',
      `there is no database ${config.database} yet. Start the chat first.`,
    )
  }
  return new SqliteStore(await openDatabase(config.database, { durable: false }), config)
}
