import { statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { ChatError } from '../errors.ts'
import { fileIdentity } from './opened-files.ts'

/** One call waits this long for a lock. */
const BUSY_TIMEOUT_MS = 50
const PAGE_BYTES = 4096
/** Readers of the services are done in milliseconds. */
const READERS_MS_MAX = 5_000
/** A checkpoint of a shorter WAL would cost more than it saves. */
export const WAL_COPIED_BYTES_MIN = 4 * 1024 * 1024
/** A WAL with more content than this restarts. */
const WAL_RESTARTED_BYTES_MIN = 16 * 1024 * 1024
/** A WAL file that has grown beyond this, while a program kept a read open, is truncated. */
const WAL_TRUNCATED_BYTES_MIN = 128 * 1024 * 1024

/** The size of the write-ahead log and its last change, in ms since 1970; 0 when there is none. */
export function walState(path: string): { bytes: number; writtenAt: number } {
  const stats = statSync(`${path}-wal`, { throwIfNoEntry: false })
  return { bytes: stats?.size ?? 0, writtenAt: stats?.mtimeMs ?? 0 }
}

/** Bytes in the write-ahead log beside the database file; 0 when there is none. */
export function walBytes(path: string): number {
  return walState(path).bytes
}

/**
 * Copies the WAL back into the database file, on a connection of its own. The copy waits for the
 * disk, so it runs on another thread than the one that serves clients (checkpoint-worker.ts).
 *
 * @param identity of the open file: when another file has its name by now, the WAL beside it
 *   belongs to the open one, and a checkpoint would corrupt both
 */
export function checkpoint(path: string, identity = fileIdentity(path)): void {
  const sqlite = new Sqlite(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
  try {
    // Before the first read: until then SQLite has opened the file, but not the WAL.
    if (fileIdentity(path) !== identity) return
    if (walBytes(path) >= WAL_TRUNCATED_BYTES_MIN) return void runCheckpoint(sqlite, 'TRUNCATE')
    const { log, checkpointed } = runCheckpoint(sqlite, 'NOOP')
    if (log === checkpointed || log * PAGE_BYTES < WAL_COPIED_BYTES_MIN) return
    runCheckpoint(sqlite, 'PASSIVE')
    // Under steady load there is always a newer frame, so a passive checkpoint never restarts the
    // WAL. Once it is long, RESTART blocks writers for the few frames that are left. The file keeps
    // its size: to overwrite a block is cheaper than to allocate one.
    if (log * PAGE_BYTES >= WAL_RESTARTED_BYTES_MIN) runCheckpoint(sqlite, 'RESTART')
  } finally {
    sqlite.close()
  }
}

/**
 * Copies all of the WAL back and empties it: what was deleted is in neither file then.
 *
 * @throws ChatError `unavailable` when another program keeps a read open for `waitMs`
 */
export async function emptyWal(path: string, waitMs = READERS_MS_MAX): Promise<void> {
  const deadline = performance.now() + waitMs
  while (!triedToEmptyWal(path)) {
    if (performance.now() > deadline) {
      const problem = `Some program keeps a read of ${path} open`
      throw new ChatError('unavailable', `${problem}: what was deleted is still in ${path}-wal`)
    }
    await delay(BUSY_TIMEOUT_MS)
  }
}

/** PASSIVE lets others write meanwhile; TRUNCATE keeps them waiting for the little that is left. */
function triedToEmptyWal(path: string): boolean {
  const sqlite = new Sqlite(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
  try {
    runCheckpoint(sqlite, 'PASSIVE')
    return runCheckpoint(sqlite, 'TRUNCATE').busy === 0
  } finally {
    sqlite.close()
  }
}

/** Pages in the WAL, and how many of them are in the database file too. */
interface CheckpointResult {
  /** 1 when others kept it from its end. */
  busy: 0 | 1
  log: number
  checkpointed: number
}

function runCheckpoint(
  sqlite: Sqlite.Database,
  mode: 'NOOP' | 'PASSIVE' | 'RESTART' | 'TRUNCATE',
): CheckpointResult {
  const [result] = sqlite.pragma(`wal_checkpoint(${mode})`) as CheckpointResult[]
  return result as CheckpointResult
}
