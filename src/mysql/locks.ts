import { setTimeout as delay } from 'node:timers/promises'
import type { Query, Session } from './session.ts'

/** Who waits for a lock holds others. Elsewhere than on MariaDB it cannot be less than a second. */
const MARIADB_LOCK_SECONDS = 0.3
/** A shard that stays locked by one transaction for so long is held. */
const HELD_MS_MIN = 100

/** What `lock` and the reads after it give. */
export type LockResults = [
  unknown,
  unknown,
  unknown,
  { shard: number; lastSeq: number }[],
  ...unknown[],
]

/**
 * Begins a transaction and locks shards, the lowest first, so that no two wait for each other. The
 * locks are writes: a cluster does not tell its nodes of a lock that writes nothing. For a fifth of
 * the shards a server would rather scan the table, and wait for locks of the others.
 *
 * Between two statements of one round trip Galera may roll the transaction back, and run the others
 * in a new one. That one has no savepoint to release, so it is never committed, nor is any statement
 * of it by itself.
 *
 * @param isPatient whether it waits for as long as the server lets it
 */
export function lock(shards: number[], isPatient: boolean): Query[] {
  const limit = `/*M! SET STATEMENT max_statement_time = ${MARIADB_LOCK_SECONDS} FOR */`
  return [
    ['SET autocommit = 0', []],
    ['SAVEPOINT chat', []],
    [
      `${isPatient ? '' : limit}
      UPDATE event_shards FORCE INDEX (PRIMARY) SET lock_count = lock_count + 1
      WHERE shard IN (?) ORDER BY shard`,
      [shards],
    ],
    ['SELECT shard, last_seq AS lastSeq FROM event_shards WHERE shard IN (?)', [shards]],
  ]
}

/**
 * Finds those of these shards that one other transaction holds, and goes on holding. Where several
 * lock a shard in turn it is always locked, but what they commit changes it. Never rejects.
 *
 * @param use lends out a connection
 */
export async function findHeld(
  shards: number[],
  use: <Result>(work: (session: Session) => Promise<Result>) => Promise<Result>,
): Promise<number[]> {
  try {
    const before = await use((session) => readLocked(session, shards))
    if (before.size === 0) return []
    await delay(HELD_MS_MIN)
    const after = await use((session) => readLocked(session, [...before.keys()]))
    return [...after.keys()].filter((shard) => before.get(shard) === after.get(shard))
  } catch {
    // The transaction that met them is tried again, and says what is wrong.
    return []
  }
}

/** Reads which shards are locked, each with what a commit of those who lock it changes. */
async function readLocked(session: Session, shards: number[]): Promise<Map<number, number>> {
  const [, free, counts] = await session.runAll<LockedResults>(lockFree(shards))
  const freeShards = new Set(free.map(({ shard }) => shard))
  const locked = counts.filter(({ shard }) => !freeShards.has(shard))
  return new Map(locked.map(({ shard, commits }) => [shard, commits]))
}

type LockedResults = [unknown, { shard: number }[], { shard: number; commits: number }[], unknown]

/** Locks those shards that nobody holds, and lets go of them. */
function lockFree(shards: number[]): Query[] {
  return [
    ['START TRANSACTION', []],
    ['SELECT shard FROM event_shards WHERE shard IN (?) FOR UPDATE SKIP LOCKED', [shards]],
    [
      'SELECT shard, lock_count + last_seq AS commits FROM event_shards WHERE shard IN (?)',
      [shards],
    ],
    ['ROLLBACK', []],
  ]
}
