import type { Candidates } from '../chat/model.ts'
import type { Database, Statement } from './database.ts'

/**
 * Returns a function that finds out which of the candidates a user shares something with. Strangers can
 * make the list in the database long, so whichever of the two is shorter is gone through: it never
 * costs more than the candidates.
 *
 * @param sql `others` selects all those with whom @userId shares it; `among` those of @ids, a JSON array
 */
export function prepareAmong(
  database: Database,
  { others, among }: { others: string; among: string },
): (userId: number, candidates: Candidates) => number[] {
  const selectOthers: Statement<{ userId: number; limit: number }, number> = database.prepareValue(
    `${others} LIMIT @limit`,
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
