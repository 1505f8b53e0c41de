import type { Held, Outcome } from './siege.ts'

export interface Promises {
  /** What a healthy client may have to wait because of whoever attacks. */
  stallMsMax: number
  /** Connections to keys, shop and database come and go. */
  descriptorGrowthMax: number
  memoryGrowthMbMax: number
}

export const PROMISES: Promises = {
  stallMsMax: 250,
  descriptorGrowthMax: 10,
  memoryGrowthMbMax: 64,
}

/** The promises that were broken. */
export function brokenPromises(outcome: Outcome, promises = PROMISES): string[] {
  const { httpStall, socketStall, crashes, failures, filesLeft } = outcome
  const problems = [...crashes, ...failures, ...outcome.brokenAnswers]
  const hidden = outcome.brokenCount - outcome.brokenAnswers.length
  if (hidden > 0) problems.push(`${hidden} more such answers`)
  if (httpStall.longestMs > promises.stallMsMax) {
    problems.push(`an answer took ${Math.round(httpStall.longestMs)} ms`)
  }
  if (socketStall.longestMs > promises.stallMsMax) {
    problems.push(`a frame took ${Math.round(socketStall.longestMs)} ms`)
  }
  if (filesLeft > 0) problems.push(`${filesLeft} uploads were left behind`)
  for (const [program, held] of Object.entries(outcome.held))
    problems.push(...growth(program, held, promises))
  return problems.map((problem) => `${outcome.mode}: ${problem}`)
}

function growth(program: string, { start, end }: Held, promises: Promises): string[] {
  const descriptors = end.descriptors - start.descriptors
  const memoryMb = Math.round(end.memoryMb - start.memoryMb)
  const problems: string[] = []
  if (descriptors > promises.descriptorGrowthMax) {
    problems.push(`${program} holds ${descriptors} more descriptors`)
  }
  if (memoryMb > promises.memoryGrowthMbMax) problems.push(`${program} holds ${memoryMb} MB more`)
  return problems
}
