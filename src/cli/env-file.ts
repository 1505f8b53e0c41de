import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { parseEnv } from 'node:util'
import { inHome } from '../config/home.ts'
import { ChatError, systemCode } from '../errors.ts'

const ENV_FILES = ['.env', 'data/.env']
const WRITABLE_BY_OTHERS = 0o022

/**
 * The `.env` files: of the home folder, which takes precedence, and of its data folder. Not of any
 * other current folder, which another user may own: the settings decide whom the chat trusts.
 */
export function envFiles(): string[] {
  return ENV_FILES.map(inHome)
}

/**
 * Reads the settings in a `.env` file; {} where there is none.
 *
 * @throws ChatError `setup` when another user may have written it, or it cannot be read
 */
export function readEnvFile(path: string): Record<string, string | undefined> {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    requireTrusted(path, fstatSync(file))
    return parseEnv(readFileSync(file, 'utf8')) as Record<string, string>
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return {}
    if (error instanceof ChatError) throw error
    throw new ChatError('setup', `${path} cannot be read (${systemCode(error)})`, { cause: error })
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** Checks the open file: another one may have its name by now. */
function requireTrusted(path: string, { uid, mode }: Stats): void {
  const userId = process.getuid?.()
  if (userId === undefined) return
  if (uid !== userId && uid !== 0) {
    const advice = `Run this as that user, or: chown ${userId} ${path}`
    throw new ChatError('setup', `${path} belongs to another user (uid ${uid}). ${advice}`)
  }
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    throw new ChatError('setup', `${path} can be written by others. Do: chmod go-w ${path}`)
  }
}
