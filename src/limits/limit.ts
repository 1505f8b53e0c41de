import { ChatError } from '../errors.ts'
import { addressKey } from './address-key.ts'

export const KB = 1024
export const MB = 1024 * KB
export const MINUTE = 60
export const DAY = 24 * 60 * MINUTE

/** One limit: how much of what, for whom, why, and what the one beyond it gets. */
export interface Limit {
  /** What is counted, as in the README. */
  what: string
  /** The largest count that is accepted. A text names the setting with the number. */
  max: number | string
  /** The window in seconds; undefined for a limit on what exists at one time. */
  seconds?: number
  per: 'user' | 'pair of users' | 'address' | 'socket' | 'connection' | 'request' | 'process'
  /** What happens beyond it: an HTTP status, a close code, or an effect. */
  beyond: string
  /** The error message beyond it; undefined where the place that rejects has its own. */
  refusal?: string
  /** Why it exists, and why it is no lower. */
  reason: string
}

/** A limit whose number stands in the table itself. */
export type FixedLimit = Limit & { max: number }

/** What a limit counts under: for one of each address, what the address counts as. */
export function keyFor({ per }: Limit, key: number | string): number | string {
  return per === 'address' ? addressKey(String(key)) : key
}

/** `too_many` is the fault of one key; `busy` is the fault of none. */
export function limitError(
  { per, refusal = 'Too many' }: Limit,
  retryAfterSeconds: number,
): ChatError {
  const code = per === 'process' ? 'busy' : 'too_many'
  return new ChatError(code, refusal, { retryAfterSeconds })
}
