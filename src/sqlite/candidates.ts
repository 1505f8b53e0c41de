import type { Candidates } from '../chat/model.ts'
import type { Database, Statement } from './database.ts'

/**
 * Returns the candidates with whom a user shares something. Other users can make the list in the
 * database long, so the shorter of the two is scanned: the cost never exceeds the candidates.
 *
 * @param selectOthers the first `limit` users with whom the user shares it
 * @param selectAmong the users among `ids`, a JSON array, with whom the user shares it
 */
export function prepareAmong(
  database: Database,
  { others, among }: { others: string; among: string },
): (userId: number, candidates: Candidates) => number[] {
  const selectOthers: Statement<{ userId: number; limit: number }, number> = database.prepareValue(
    `${others} LIMIT +@limit`,
  )
  const selectAmong: Statement<{ userId: number; ids: string }, number> =
    database.prepareValue(among)
  return (userId, candidates) => {
    const limit = candidates.size + 1
    const found = selectOthers.all({ userId, limit })
    if (found.length < limit) return found.filter((otherId) => candidates.has(otherId))
    return selectAmong.all({ userId, ids: JSON.stringify([...candidates.keys()]) })
  }
}
