import type { Position } from '../chat/model.ts'
import type { MysqlDatabase } from './database.ts'
import { SHARDS } from './shards.ts'

/** A number of events for each shard: a position in all of them. */
export type Vector = number[]

/** The position of a tail, as it is stored. */
export function positionOf(vector: Vector): string {
  return JSON.stringify(vector)
}

export function parsePosition(position: Position): Vector {
  const stored: unknown = JSON.parse(String(position))
  if (!Array.isArray(stored) || stored.length !== SHARDS) throw new Error('Not a position')
  return stored
}

/** @param rows of all shards, or some: the others are at 0 */
export function vectorFrom(rows: { shard: number; seq: number }[]): Vector {
  const vector: Vector = Array(SHARDS).fill(0)
  for (const { shard, seq } of rows) vector[shard] = seq
  return vector
}

/** The number of the newest event of each shard. */
export async function readVector(database: MysqlDatabase): Promise<Vector> {
  return vectorFrom(await database.read('SELECT shard, last_seq AS seq FROM event_shards'))
}

/** The sum of `readVector`: the number of events ever queued. */
export async function readSum(database: MysqlDatabase): Promise<number> {
  return (await database.readValue<number>('SELECT SUM(last_seq) FROM event_shards')) ?? 0
}

export function sumOf(vector: Vector): number {
  return vector.reduce((sum, seq) => sum + seq, 0)
}
