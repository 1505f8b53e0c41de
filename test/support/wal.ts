import { readFileSync } from 'node:fs'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24

/**
 * How many transactions stand in the write-ahead log of a database. Each page that one changed is a
 * frame, and the last of them says how large the database is then: a commit, and an fsync.
 */
export function commitsInWal(databasePath: string): number {
  const wal = readFileSync(`${databasePath}-wal`)
  const frameBytes = FRAME_HEADER_BYTES + wal.readUInt32BE(8)
  let commits = 0
  for (let frame = HEADER_BYTES; frame < wal.length; frame += frameBytes) {
    if (wal.readUInt32BE(frame + 4) > 0) commits += 1
  }
  return commits
}
