import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { Chat } from '../chat/chat.ts'
import type { Config } from '../config/config.ts'
import { ChatError, systemCode } from '../errors.ts'
import type { LimitStore } from '../limits/limit-store.ts'
import type { Log } from '../log.ts'
import type { DatabaseAddress } from '../mysql/address.ts'
import { walBytes } from '../sqlite/checkpoint.ts'
import { openError } from '../sqlite/errors.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { SqliteStore } from '../sqlite/store.ts'
import { startUpkeep } from '../sqlite/upkeep.ts'
import { WalWatcher } from '../sqlite/wal-watcher.ts'
import type { Doorbell } from '../websocket/poller.ts'

/** The chat on the engine that CHAT_DATABASE names, for a service. */
export interface OpenedStore {
  chat: Chat
  /** Rings when another process has committed; undefined where none can. */
  doorbell: Doorbell | undefined
  /** Where the APIs on this engine count what users do; undefined if there is one API alone. */
  limitStore: LimitStore | undefined
  /**
   * Whether this process is the one to run a job for the next `seconds`; where the processes of the
   * engine cannot tell, all are.
   */
  claim: (job: string, seconds: number) => Promise<boolean>
  walBytes: () => number
  /** The number of retries of writes that found the database locked. */
  retriedCount: () => number
  /** What the operator is to do when the store fails at the start. */
  explain: (error: unknown) => ChatError
  /** Stops the jobs of the engine, then closes it. */
  close(): Promise<void>
}

/** The part of the settings that says which database. */
type DatabaseConfig = Pick<Config, 'database' | 'databasePassword' | 'databaseCa'>

interface OpenOptions {
  /** The programs differ in what they promise, and in what they do for the database. */
  for: 'api' | 'daemon'
}

/** For a service: creates the database when it is missing, and migrates an older one. */
export function openStore(config: Config, log: Log, options: OpenOptions): Promise<OpenedStore> {
  const onMigrated = (from: number, to: number) =>
    log.info(`Database ${config.database} migrated from schema ${from} to ${to}`)
  const open = isShared(config) ? openShared : openEmbedded
  return open(config, log, { ...options, onMigrated })
}

/**
 * For a command beside the services: creates and migrates no database.
 *
 * @param durable whether what it writes is on the disk when it is done
 */
export async function openExistingStore(
  config: Config,
  { durable } = { durable: false },
): Promise<Chat> {
  if (isShared(config)) {
    const { openDatabase, MysqlStore } = await mysql()
    return new MysqlStore(await openDatabase(addressOf(config), {}), config)
  }
  if (!existsSync(config.database)) {
    throw new ChatError(
      'setup',
      `there is no database ${config.database} yet. Start the chat first.`,
    )
  }
  return new SqliteStore(await openDatabase(config.database, { durable }), config)
}

/** Opens the database for one command. */
export async function withChat<Result>(
  config: Config,
  use: (chat: Chat) => Promise<Result>,
): Promise<Result> {
  const chat = await openExistingStore(config)
  try {
    return await use(chat)
  } finally {
    await chat.close()
  }
}

/** Whether the database is on a server. */
export function isShared({ database }: Pick<Config, 'database'>): boolean {
  return database.startsWith('mysql://')
}

interface ServiceOptions extends OpenOptions {
  onMigrated: (from: number, to: number) => void
}

async function openEmbedded(
  config: Config,
  log: Log,
  { for: program, onMigrated }: ServiceOptions,
): Promise<OpenedStore> {
  const durable = program === 'api'
  const database = await openDatabase(config.database, { durable, onMigrated })
  const chat = new SqliteStore(database, config)
  const upkeep = startUpkeep(database, log, { isDaemon: program === 'daemon' })
  return {
    chat,
    doorbell: new WalWatcher(config.database, log),
    limitStore: undefined,
    claim: async () => true,
    walBytes: () => walBytes(config.database),
    retriedCount: () => database.retriedCount,
    explain: (error) => openError(config.database, error),
    close: async () => {
      await upkeep.stop()
      await chat.close()
    },
  }
}

async function openShared(
  config: Config,
  log: Log,
  { for: program, onMigrated }: ServiceOptions,
): Promise<OpenedStore> {
  const { openDatabase, openError, MysqlStore, startUpkeep } = await mysql()
  const address = addressOf(config)
  const database = await openDatabase(address, { onMigrated })
  const chat = new MysqlStore(database, config)
  const upkeep = startUpkeep(chat, database, log, { isDaemon: program === 'daemon' })
  return {
    chat,
    doorbell: undefined,
    limitStore: {
      database: address.database,
      query: (sql, values) => database.read(sql, values),
    },
    claim: (job, seconds) => chat.claim(job, seconds),
    walBytes: () => 0,
    retriedCount: () => database.retriedCount,
    explain: (error) => openError(address, error),
    close: async () => {
      await upkeep.stop()
      await chat.close()
    },
  }
}

/** Loaded where the setting asks for it: who has an SQLite file does not pay for it. */
async function mysql() {
  const [open, errors, store, upkeep] = await Promise.all([
    import('../mysql/open-database.ts'),
    import('../mysql/open-error.ts'),
    import('../mysql/store.ts'),
    import('../mysql/upkeep.ts'),
  ])
  return { ...open, ...errors, ...store, ...upkeep }
}

/**
 * @param caSetting what names the certificate
 * @throws ChatError `setup` for a certificate that cannot be read
 */
export function addressOf(
  { database, databasePassword, databaseCa }: DatabaseConfig,
  caSetting = 'CHAT_DATABASE_CA',
): DatabaseAddress {
  const { hostname, port, username, pathname } = new URL(database)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || DEFAULT_PORT),
    user: decodeURIComponent(username),
    password: databasePassword,
    database: decodeURIComponent(pathname.slice(1)),
    ca: databaseCa === '' ? undefined : readCa(databaseCa, caSetting),
  }
}

const DEFAULT_PORT = 3306

function readCa(file: string, setting: string): string {
  try {
    const ca = readFileSync(file, 'utf8')
    new X509Certificate(ca)
    return ca
  } catch (cause) {
    const problem = `is no certificate that can be read (${systemCode(cause)})`
    throw new ChatError('setup', `${setting}: ${file} ${problem}`, { cause })
  }
}
