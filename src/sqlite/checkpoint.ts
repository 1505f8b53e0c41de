import { statSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { fileIdentity } from './opened-files.ts'

/** SQLite waits this long for a lock inside one call. */
const BUSY_TIMEOUT_MS = 50
const PAGE_BYTES = 4096
/** A WAL with less than this in it is left alone: copying it back would cost more than it saves. */
export const WAL_COPIED_BYTES_MIN = 4 * 1024 * 1024
/** With more than this in it the WAL is to start over. */
const WAL_RESTARTED_BYTES_MIN = 16 * 1024 * 1024
/** A file that has grown beyond this, while somebody kept a read open, gives its room back. */
const WAL_TRUNCATED_BYTES_MIN = 128 * 1024 * 1024

/**
 * The write-ahead log beside the database file: how long it is, and when it was last written to (in
 * ms since 1970). Both 0 when there is none.
 */
export function walState(path: string): { bytes: number; writtenAt: number } {
  const stats = statSync(`${path}-wal`, { throwIfNoEntry: false })
  return { bytes: stats?.size ?? 0, writtenAt: stats?.mtimeMs ?? 0 }
}

/** Bytes in the write-ahead log beside the database file; 0 when there is none. */
export function walBytes(path: string): number {
  return walState(path).bytes
}

/**
 * Copies the WAL back into the database file, on a connection of its own: the copying waits for the
 * disk, so it belongs on another thread than the one that serves clients (checkpoint-worker.ts).
 *
 * @param identity of the file that is meant: should another one have its name by now, the WAL that
 *   still lies beside it is not its own, and copying that would ruin both
 */
export function checkpoint(path: string, identity = fileIdentity(path)): void {
  const sqlite = new Sqlite(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
  try {
    // Before anything is read: until then SQLite has opened the file, and not the WAL.
    if (fileIdentity(path) !== identity) return
    if (walBytes(path) >= WAL_TRUNCATED_BYTES_MIN) return void runCheckpoint(sqlite, 'TRUNCATE')
    const { log, checkpointed } = runCheckpoint(sqlite, 'NOOP')
    if (log === checkpointed || log * PAGE_BYTES < WAL_COPIED_BYTES_MIN) return
    runCheckpoint(sqlite, 'PASSIVE')
    // Under steady load there is always a newer frame, so a passive checkpoint never lets the log
    // start over. Once it is long, do so by holding writers back for the few frames that are left.
    // Its file is kept: to write over a block is cheaper than to have the file system find another.
    if (log * PAGE_BYTES >= WAL_RESTARTED_BYTES_MIN) runCheckpoint(sqlite, 'RESTART')
  } finally {
    sqlite.close()
  }
}

/** In pages: how much stands in the WAL, and how much of that in the database file too. */
interface CheckpointResult {
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
