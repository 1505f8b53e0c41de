import { ChatError, messageOf } from '../errors.ts'
import type { DatabaseAddress } from './address.ts'
import { MysqlDatabase } from './database.ts'
import { errorName, isConnectionError } from './errors.ts'
import { prepareSchema } from './migrations.ts'

/** The oldest servers with CHECKs that hold, recursive queries and SKIP LOCKED. */
const VERSIONS_MIN = { MariaDB: [10, 6, 0], MySQL: [8, 0, 16] } as const

interface OpenOptions {
  /** As in prepareSchema. */
  onMigrated?: ((from: number, to: number) => void) | undefined
}

/**
 * Connects to the server, and creates or migrates the schema.
 *
 * @throws ChatError `setup` with one line: what is wrong, and what to do
 */
export async function openDatabase(
  address: DatabaseAddress,
  options: OpenOptions,
): Promise<MysqlDatabase> {
  const database = new MysqlDatabase(address)
  try {
    await checkServer(database)
    await prepareSchema(database, address, options)
    await database.syncClock()
    return database
  } catch (error) {
    await database.close()
    throw openError(address, error)
  }
}

/** @throws ChatError `setup` for a server that is too old or read-only */
export async function checkServer(database: MysqlDatabase): Promise<void> {
  const [server] = await database.read<{ version: string; isReadOnly: 0 | 1 }>(
    'SELECT VERSION() AS version, @@read_only AS isReadOnly',
  )
  const version = server?.version ?? ''
  const product = version.includes('MariaDB') ? 'MariaDB' : 'MySQL'
  const least = VERSIONS_MIN[product]
  if (isOlder(version, least)) {
    throw new ChatError(
      'setup',
      `is on ${product} ${version}; it takes ${least.join('.')} or later.`,
    )
  }
  if (server?.isReadOnly === 1) {
    throw new ChatError(
      'setup',
      'is on a server that is read-only. Name the primary in CHAT_DATABASE.',
    )
  }
}

/** The error for the operator of a database that cannot be opened. It shows no password. */
export function openError(address: DatabaseAddress, error: unknown): ChatError {
  const { host, port, database } = address
  const advice = adviceFor(address, error)
  const name = `mysql://${address.user}@${host}:${port}/${database}`
  return new ChatError('setup', `Database ${name} ${advice}`, { cause: error })
}

function adviceFor({ user, database, host, port }: DatabaseAddress, error: unknown): string {
  if (error instanceof ChatError && error.code === 'setup') return error.message
  const cause = error instanceof ChatError ? error.cause : error
  switch (errorName(cause)) {
    case 'ER_ACCESS_DENIED_ERROR':
      return `refuses user ${user}: wrong user or password. Set CHAT_DATABASE_PASSWORD.`
    case 'ER_DBACCESS_DENIED_ERROR':
      return `may not be used by ${user}. Do: GRANT ALL ON ${database}.* TO '${user}'@'%'`
    case 'ER_BAD_DB_ERROR':
      return `does not exist. Do: CREATE DATABASE ${database} CHARACTER SET utf8mb4`
    case 'ER_BINLOG_CREATE_ROUTINE_NEED_SUPER':
      return 'needs a trigger. Do, as root: SET GLOBAL log_bin_trust_function_creators = 1'
    case 'ER_TABLEACCESS_DENIED_ERROR':
    case 'ER_SPECIFIC_ACCESS_DENIED_ERROR':
      return `lacks a right of ${user} (${messageOf(cause)}). Do: GRANT ALL ON ${database}.* TO it.`
    case 'HANDSHAKE_SSL_ERROR':
    case 'HANDSHAKE_NO_SSL_SUPPORT':
      return `cannot be reached by TLS (${messageOf(cause)}). Check CHAT_DATABASE_CA.`
  }
  if (isConnectionError(cause)) {
    const reason = errorName(cause) || messageOf(cause)
    return `cannot be reached (${reason}). Is a server running at ${host}, port ${port}?`
  }
  return `cannot be opened (${messageOf(cause)}).`
}

function isOlder(version: string, least: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number)
  for (const [index, number] of least.entries()) {
    const part = parts[index] ?? 0
    if (part !== number) return part < number
  }
  return false
}
