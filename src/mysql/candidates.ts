import type { Candidates } from '../chat/model.ts'
import type { MysqlDatabase } from './database.ts'
import type { Query } from './session.ts'

/** Ids in one statement. */
const IDS_MAX = 1_000

/**
 * Returns the candidates with whom a user shares something. Other users can make the list in the
 * database long, so the shorter of the two is scanned: the cost never exceeds the candidates.
 *
 * @param others selects, as userId, the users with whom the user shares it
 * @param among the same among these users
 */
export async function among(
  database: MysqlDatabase,
  candidates: Candidates,
  { others, among }: { others: Query; among: (ids: number[]) => Query },
): Promise<number[]> {
  const limit = candidates.size + 1
  const [sql, values] = others
  const found = await userIds(database, [`${sql} LIMIT ?`, [...values, limit]])
  if (found.length < limit) return found.filter((userId) => candidates.has(userId))
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
