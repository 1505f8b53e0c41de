import { access, constants, lstat, mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ChatError, systemCode, TOO_MANY_FILES } from '../errors.ts'

/** The part of the uploads folder where files arrive. The dot keeps it from being served. */
export const SPOOL = '.incoming'
/** The system's errors for a full disk or quota. */
const FULL_DISK = ['ENOSPC', 'EDQUOT']

/**
 * Creates folders below the uploads folder.
 *
 * @throws ChatError `setup` when one cannot be written to, or leads elsewhere
 */
export async function prepareFolders(root: string, folders: string[]): Promise<void> {
  try {
    for (const folder of folders) {
      await assertNoLink(join(root, folder))
      await mkdir(join(root, folder), { recursive: true })
      await access(join(root, folder), constants.W_OK)
    }
  } catch (error) {
    if (error instanceof ChatError) throw error
    const advice = `Make it writable for this user, or set CHAT_UPLOADS_DIR. (${systemCode(error)})`
    const message = `The uploads folder ${root} cannot be written to. ${advice}`
    throw new ChatError('setup', message, { cause: error })
  }
}

/** The names in a folder of files that were last written before a time. */
export async function namesBefore(folder: string, before: number): Promise<string[]> {
  const names: string[] = []
  for (const name of await readdir(folder)) {
    const stats = await stat(join(folder, name)).catch(() => undefined)
    if (stats !== undefined && stats.mtimeMs <= before) names.push(name)
  }
  return names
}

/** The error for the sender of a file that could not be written. */
export function writeError(error: unknown): unknown {
  const code = systemCode(error)
  if (FULL_DISK.includes(code)) {
    const message = 'The server has no room for this file. Please try again later.'
    return new ChatError('unavailable', message, { cause: error, retryAfterSeconds: 30 })
  }
  if (TOO_MANY_FILES.includes(code)) {
    const message = 'The server cannot take a file right now. Please try again in a moment.'
    return new ChatError('unavailable', message, { cause: error, retryAfterSeconds: 5 })
  }
  return error
}

/** The uploads folder itself may be a link; below it, a link could lead files anywhere. */
async function assertNoLink(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats?.isSymbolicLink() !== true) return
  const advice = 'Replace it by a folder, or set CHAT_UPLOADS_DIR to where files are to be kept'
  throw new ChatError('setup', `${path} is a symbolic link, and is not followed. ${advice}.`)
}
