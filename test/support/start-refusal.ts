import { expect } from 'vitest'
import { temporaryFolder } from './folders.ts'
import { linesOf, runProgram } from './processes.ts'
import type { Environment, Program } from './running-program.ts'

/**
 * Starts a program that cannot start, in the foreground and in the background, and returns the line
 * that it said about it. It has to be one line, on stderr, with no stack trace, and exit code 1.
 */
export async function startRefusal(
  program: Program,
  folder: string,
  settings: Environment = {},
): Promise<string> {
  // Side by side, so not with one pid file.
  const apart = { CHAT_PID_DIR: temporaryFolder() }
  const [foreground, background] = await Promise.all([
    runProgram(program, ['start'], folder, settings),
    runProgram(program, ['start', '-d'], folder, { ...settings, ...apart }),
  ])
  for (const { code, output, errors } of [foreground, background]) {
    expect(output).not.toMatch(/^ +at /m)
    expect(linesOf(errors)).toHaveLength(1)
    expect(code).toBe(1)
  }
  const line = foreground.errors.trimEnd()
  expect(line.startsWith(`${program}: `)).toBe(true)
  const reason = line.slice(program.length + 2)
  expect(background.errors).toContain(reason)
  expect(background.output).toBe(background.errors)
  return reason
}
