import { integerFrom } from '../chat/integers.ts'
import { ChatError } from '../errors.ts'

/** @throws ChatError `setup` for what is no positive integer; `name` says which argument */
export function positiveInteger(text: string, name: string): number {
  const integer = integerFrom(text)
  if (integer !== undefined && integer > 0) return integer
  throw new ChatError('setup', `${name} takes a positive integer, not "${text}"`)
}
