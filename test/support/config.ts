import { expect } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { ChatError } from '../../src/errors.ts'

/** The message with which settings are refused. */
export function refusal(...values: Record<string, string>[]): string {
  try {
    readConfig(...values)
  } catch (error) {
    expect(error).toBeInstanceOf(ChatError)
    expect((error as ChatError).code).toBe('setup')
    return (error as ChatError).message
  }
  throw new Error(`accepted: ${JSON.stringify(values)}`)
}
