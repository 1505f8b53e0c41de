import { ChatError, systemCode } from '../errors.ts'

/**
 * After these the whole transaction is tried again: the server has rolled it back, or will when it
 * sees that the connection is gone.
 */
const RETRIED_ERRORS = new Set([
  'ER_LOCK_DEADLOCK', // also a failed certification of Galera
  'ER_LOCK_WAIT_TIMEOUT', // undoes the statement only: the transaction is rolled back by us
  'ER_SP_DOES_NOT_EXIST', // the savepoint of a transaction that Galera has rolled back unnoticed
  'ER_CHECKREAD', // MariaDB with innodb_snapshot_isolation: a row has changed since it was read
  'ER_QUERY_INTERRUPTED', // killed, or the server stops
  'ER_STATEMENT_TIMEOUT', // max_statement_time
  'ER_QUERY_TIMEOUT',
  'ER_TRG_ALREADY_EXISTS', // two processes create the schema: Galera has taken the lock from one
])

/**
 * A Galera node has left the cluster. What it was committing the others may have: a commit that ends
 * like this is of unknown outcome.
 */
const LEFT_CLUSTER_ERRORS = [
  'ER_UNKNOWN_COM_ERROR', // 1047
  'ER_ERROR_DURING_COMMIT', // 1180
]

/** The server takes no writes any more, after a failover say: another connection may lead elsewhere. */
const WRONG_SERVER_ERRORS = new Set([
  'ER_OPTION_PREVENTS_STATEMENT', // read_only
  'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
  'ER_READ_ONLY_MODE',
  ...LEFT_CLUSTER_ERRORS,
])

/** After these nothing more comes over the connection. */
const CONNECTION_ERRORS = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ER_CON_COUNT_ERROR',
  'ER_TOO_MANY_USER_CONNECTIONS',
  'ER_SERVER_SHUTDOWN',
  'ER_NORMAL_SHUTDOWN',
  'ER_CONNECTION_KILLED',
  'ER_NEW_ABORTING_CONNECTION',
  'ER_NET_READ_ERROR',
  'ER_NET_READ_INTERRUPTED',
  'ER_NET_ERROR_ON_WRITE',
  'ER_NET_WRITE_INTERRUPTED',
])

/** The server has not answered in time. */
export const DEADLINE = 'CHAT_DEADLINE'
/** MariaDB's own numbers, which mysql2 has no names for. */
const NUMBERED: Record<number, string> = {
  1927: 'ER_CONNECTION_KILLED',
  1969: 'ER_STATEMENT_TIMEOUT',
}

/** The server was lost while a COMMIT was under way: whether it took place is not known. */
export class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('The server was lost during a commit', { cause })
    this.name = 'CommitUnknown'
  }
}

/** The name of a server's or the system's error, such as ER_LOCK_DEADLOCK or ECONNREFUSED. */
export function errorName(error: unknown): string {
  const number = (error as { errno?: unknown } | undefined)?.errno
  return (typeof number === 'number' ? NUMBERED[number] : undefined) ?? systemCode(error)
}

export function isConnectionError(error: unknown): boolean {
  if ((error as { fatal?: unknown } | undefined)?.fatal === true) return true
  const name = errorName(error)
  return name === DEADLINE || CONNECTION_ERRORS.has(name)
}

/** Whether a commit that ended with this error may have taken place. */
export function isCommitUnknown(error: unknown): boolean {
  return isConnectionError(error) || LEFT_CLUSTER_ERRORS.includes(errorName(error))
}

/** Whether a read may succeed if it is tried again at once: Galera aborts one for a change of tables. */
export function isReadAgain(error: unknown): boolean {
  return isConnectionError(error) || errorName(error) === 'ER_LOCK_DEADLOCK'
}

/** Whether a connection is not to be used again. */
export function isLost(error: unknown): boolean {
  return isConnectionError(error) || WRONG_SERVER_ERRORS.has(errorName(error))
}

/** Another transaction holds what this one waits for. */
export function isLockWait(error: unknown): boolean {
  return ['ER_LOCK_WAIT_TIMEOUT', 'ER_STATEMENT_TIMEOUT'].includes(errorName(error))
}

export function isRetried(error: unknown): boolean {
  return isLost(error) || RETRIED_ERRORS.has(errorName(error))
}

const MAYBE_STORED =
  'The database was lost meanwhile: this may be stored. Please look before you send it again.'

/** The error for a caller, where the server has none that is about what they asked. */
export function callerError(error: unknown): unknown {
  if (error instanceof ChatError) return error
  const isFull = ['ER_RECORD_FILE_FULL', 'ER_DISK_FULL'].includes(errorName(error))
  if (isFull) return unavailable('The server has no room to store this', error, 30)
  if (error instanceof CommitUnknown) {
    return new ChatError('uncertain', MAYBE_STORED, { cause: error, retryAfterSeconds: 2 })
  }
  if (isConnectionError(error)) return unavailable('The database cannot be reached', error, 2)
  return isRetried(error) ? busy(error) : error
}

/** The error for a caller whose turn does not come. */
export function busy(cause?: unknown): ChatError {
  return unavailable('The database is busy', cause, 1)
}

function unavailable(what: string, cause: unknown, retryAfterSeconds: number): ChatError {
  const message = `${what}. Please try again in a moment.`
  return new ChatError('unavailable', message, { cause, retryAfterSeconds })
}
