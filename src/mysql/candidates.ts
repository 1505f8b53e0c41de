import type { Candidates } from '../chat/model.ts'
import type { MysqlDatabase } from './database.ts'
import type { Query } from './session.ts'

/** Ids in one statement. */
const IDS_MAX = 1_000

/**
 * Returns the candidates with whom a user shares something. Other users can make the list in the
 * database long, so the shorter of the two is scanned: the cost never exceeds the candidates.
 *
 * @param others two statements that select, as userId, the users with whom the user (?) shares it
 * @param among the same among these users
 */
export async function among(
  database: MysqlDatabase,
  userId: number,
  candidates: Candidates,
  { others, among }: { others: [string, string]; among: (ids: number[]) => Query },
): Promise<number[]> {
  const limit = candidates.size + 1
  // Each half ends by itself: the server would read all of both before it counts.
  const [half, otherHalf] = others.map((sql) => `(${sql} LIMIT ?)`)
  const values = [userId, limit, userId, limit, limit]
  const found = await userIds(database, [`${half} UNION ALL ${otherHalf} LIMIT ?`, values])
  if (found.length < limit) return found.filter((otherId) => candidates.has(otherId))
  const ids = [...candidates.keys()]
  const selected: number[] = []
  for (let at = 0; at < ids.length; at += IDS_MAX) {
    selected.push(...(await userIds(database, among(ids.slice(at, at + IDS_MAX)))))
  }
  return selected
}

async function userIds(database: MysqlDatabase, [sql, values]: Query): Promise<number[]> {
  return (await database.read<{ userId: number }>(sql, values)).map(({ userId }) => userId)
}
