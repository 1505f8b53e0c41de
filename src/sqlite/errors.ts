import { ChatError, hasCode, messageOf, systemCode } from '../errors.ts'
import { SCHEMA_VERSION } from './migrations.ts'

export function isBusy(error: unknown): boolean {
  return systemCode(error).startsWith('SQLITE_BUSY')
}

/** The error for the caller of a failed write. */
export function writeError(error: unknown): unknown {
  if (isBusy(error)) {
    const message = 'The database is busy. Please try again in a moment.'
    return new ChatError('unavailable', message, { cause: error, retryAfterSeconds: 1 })
  }
  if (systemCode(error) === 'SQLITE_FULL') {
    const message = 'The server has no room to store this. Please try again later.'
    return new ChatError('unavailable', message, { cause: error, retryAfterSeconds: 30 })
  }
  return error
}

export function foreignError(): ChatError {
  const message = "belongs to another program. Point CHAT_DATABASE at the chat's own file."
  return new ChatError('setup', message)
}

export function newerError(version: number): ChatError {
  const versions = `schema ${version}, this program knows ${SCHEMA_VERSION}`
  const message = `was written by a newer version (${versions}). Update this program.`
  return new ChatError('setup', message)
}

export function olderError(version: number): ChatError {
  const versions = `schema ${version}, this program knows ${SCHEMA_VERSION}`
  const message = `is of an older version (${versions}). Restart the chat: that migrates it.`
  return new ChatError('setup', message)
}

export function corruptError(cause?: unknown): ChatError {
  const message =
    'is damaged. Restore it from a backup, or save what is readable: sqlite3 FILE .recover'
  return new ChatError('setup', message, { cause })
}

/** The error for the operator of a database that cannot be opened. */
export function openError(path: string, error: unknown): ChatError {
  const advice = setupError(error).message.replace('FILE', path)
  return new ChatError('setup', `Database ${path} ${advice}`, { cause: error })
}

function setupError(error: unknown): { message: string } {
  const code = systemCode(error)
  if (isBusy(error) || hasCode(error, 'unavailable')) {
    return {
      message: 'is locked by another program. Find it with: fuser FILE; close it and start again.',
    }
  }
  if (error instanceof ChatError) return error
  if (code === 'SQLITE_NOTADB') {
    return { message: 'is not an SQLite database. Move that file away or change CHAT_DATABASE.' }
  }
  if (code.startsWith('SQLITE_CORRUPT')) return corruptError(error)
  const reason = messageOf(error)
  return { message: `cannot be opened for writing (${reason}). Check that its folder is writable.` }
}
