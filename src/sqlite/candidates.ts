import type { Candidates } from '../chat/model.ts'
import type { Statement } from './database.ts'

/**
 * Which of the candidates a user shares something with. Strangers can make the list in the database
 * long, so whichever of the two is shorter is gone through: it never costs more than the candidates.
 *
 * @param selectOthers the first `limit` of those with whom the user shares it
 * @param selectAmong those of `ids`, a JSON array, with whom the user shares it
 */
export function amongCandidates(
  userId: number,
  candidates: Candidates,
  selectOthers: Statement<{ userId: number; limit: number }, number>,
  selectAmong: Statement<{ userId: number; ids: string }, number>,
): number[] {
  const limit = candidates.size + 1
  const others = selectOthers.all({ userId, limit })
  if (others.length < limit) return others.filter((otherId) => candidates.has(otherId))
  return selectAmong.all({ userId, ids: JSON.stringify([...candidates.keys()]) })
}
