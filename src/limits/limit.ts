import { ChatError } from '../errors.ts'
import { addressKey } from './address-key.ts'

export const KB = 1024
export const MB = 1024 * KB
export const MINUTE = 60
export const DAY = 24 * 60 * MINUTE

/** One limit: how much of what, for whom, why, and what the one beyond it gets. */
export interface Limit {
  /** What is counted, as the README says it. */
  what: string
  /** So much is allowed; the next is one too many. A text names the setting that says it. */
  max: number | string
  /** Counted over so many seconds; undefined for what is counted at any one time. */
  seconds?: number
  per: 'user' | 'pair of users' | 'address' | 'socket' | 'connection' | 'request' | 'process'
  /** What the one beyond it gets: an HTTP status, a close code, or what happens. */
  beyond: string
  /** Told to the one beyond it; undefined where the place that refuses has its own words. */
  refusal?: string
  /** Why it is there, and why it is no lower. */
  reason: string
}

/** A limit whose number stands in the table itself. */
export type FixedLimit = Limit & { max: number }

/** What a limit counts under: for one of each address, what the address counts as. */
export function keyFor({ per }: Limit, key: number | string): number | string {
  return per === 'address' ? addressKey(String(key)) : key
}

/** What one key uses up is its own doing; what all have used up is nobody's. */
export function limitError(
  { per, refusal = 'Too many' }: Limit,
  retryAfterSeconds: number,
): ChatError {
  const code = per === 'process' ? 'busy' : 'too_many'
  return new ChatError(code, refusal, { retryAfterSeconds })
}
