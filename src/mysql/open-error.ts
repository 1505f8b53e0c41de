import { ChatError, hasCode, messageOf } from '../errors.ts'
import type { DatabaseAddress } from './address.ts'
import { errorName, isConnectionError } from './errors.ts'

/** What is wrong and what to do, as it goes on from "Database mysql://… ". */
type Advice = (address: DatabaseAddress, reason: string) => string

/** As in the README. */
const RIGHTS = 'SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, TRIGGER'

const tls: Advice = (_, reason) => `cannot be reached by TLS (${reason}). Check CHAT_DATABASE_CA.`
const lacking: Advice = (address, reason) => `lacks a right (${reason}). Do: ${grant(address)}`
const full: Advice = (_, reason) =>
  `takes no more connections (${reason}). Each process of the chat needs up to 10: raise max_connections.`

const ADVICE: Record<string, Advice> = {
  ER_ACCESS_DENIED_ERROR: refused,
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: refused,
  ER_DBACCESS_DENIED_ERROR: (address) =>
    `does not exist, or is not ${address.user}'s to use. Do: ${create(address)}; ${grant(address)}`,
  ER_BAD_DB_ERROR: (address) => `does not exist. Do: ${create(address)}`,
  ER_BINLOG_CREATE_ROUTINE_NEED_SUPER: () =>
    'needs a trigger. Do, as root: SET GLOBAL log_bin_trust_function_creators = 1',
  ER_TABLEACCESS_DENIED_ERROR: lacking,
  ER_COLUMNACCESS_DENIED_ERROR: lacking,
  ER_SPECIFIC_ACCESS_DENIED_ERROR: lacking,
  ER_SECURE_TRANSPORT_REQUIRED: () => 'is reached by TLS only. Set CHAT_DATABASE_CA.',
  HANDSHAKE_SSL_ERROR: tls,
  HANDSHAKE_NO_SSL_SUPPORT: tls,
  AUTH_SWITCH_PLUGIN_ERROR: ({ user }, reason) =>
    `wants user ${user} to log in in a way that the chat does not know (${reason}). Give it a password.`,
  ER_LOCK_WAIT_TIMEOUT: () =>
    "is locked by another program's transaction. Find it with: SHOW ENGINE INNODB STATUS",
  ER_CON_COUNT_ERROR: full,
  ER_TOO_MANY_USER_CONNECTIONS: full,
}

/** The error for the operator of a database that cannot be opened: one line, without the password. */
export function openError(address: DatabaseAddress, error: unknown): ChatError {
  const { user, host, port, database } = address
  const advice = adviceFor(address, error).replace(/\s+/g, ' ')
  const message = `Database mysql://${user}@${host}:${port}/${database} ${advice}`
  return new ChatError('setup', message, { cause: error })
}

function adviceFor(address: DatabaseAddress, error: unknown): string {
  if (hasCode(error, 'setup')) return error.message
  const cause = error instanceof ChatError ? error.cause : error
  const name = errorName(cause)
  const advice = ADVICE[name]
  if (advice !== undefined) return advice(address, messageOf(cause))
  if (isFromServer(cause) || !isConnectionError(cause)) {
    return `cannot be opened (${messageOf(cause)}).`
  }
  const { host, port } = address
  return `cannot be reached (${name || messageOf(cause)}). Is a server running at ${host}, port ${port}?`
}

/** Of a server that refuses a connection, the words say why. */
function isFromServer(error: unknown): boolean {
  const { sqlMessage } = (error ?? {}) as { sqlMessage?: unknown }
  return sqlMessage !== undefined
}

function refused({ user, ca }: DatabaseAddress): string {
  const byTls = ca === undefined ? ' If it takes users by TLS only, set CHAT_DATABASE_CA.' : ''
  return `refuses user ${user}: wrong user or password. Set CHAT_DATABASE_PASSWORD.${byTls}`
}

function create({ database }: DatabaseAddress): string {
  return `CREATE DATABASE ${quoted(database)} CHARACTER SET utf8mb4`
}

function grant({ database, user }: DatabaseAddress): string {
  return `GRANT ${RIGHTS} ON ${quoted(database)}.* TO '${user}'@'%'`
}

function quoted(name: string): string {
  return /^\w+$/.test(name) ? name : `\`${name}\``
}
