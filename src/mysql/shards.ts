/** Shards of the users: see event_shards in schema.sql. */
const USER_SHARDS = 256
/** The shard of events for all connected users. */
export const EVERYBODY = USER_SHARDS
/** Shards in all; they are numbered from 0. */
export const SHARDS = USER_SHARDS + 1
/** An event_id is seq × this + shard: a safe integer for the first 10^12 events of a shard. */
const IDS_PER_SEQ = 8_192

/** @param userId null for an event to all */
export function shardOf(userId: number | null): number {
  return userId === null ? EVERYBODY : userId % USER_SHARDS
}

/** One number for an event: unique, and rising in each shard. */
export function eventIdOf(shard: number, seq: number): number {
  return seq * IDS_PER_SEQ + shard
}

export function shardOfEvent(eventId: number): number {
  return eventId % IDS_PER_SEQ
}

export function seqOfEvent(eventId: number): number {
  return Math.floor(eventId / IDS_PER_SEQ)
}

/** The shards of these users, without repeats, in the order in which they are locked. */
export function shardsOf(userIds: Iterable<number | null>): number[] {
  return [...new Set([...userIds].map(shardOf))].sort((a, b) => a - b)
}
