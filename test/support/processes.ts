import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  apiUrl,
  daemonUrl,
  type Environment,
  type Program,
  RunningProgram,
} from './running-program.ts'

/** A folder of the test's own, gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chat-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A process that does not outlive its test. */
export class TestProgram extends RunningProgram {
  constructor(program: Program, args: string[], folder: string, settings: Environment) {
    super(program, args, folder, settings)
    onTestFinished(() => this.kill())
  }
}

/** Runs a command to its end. */
export async function runProgram(
  program: Program,
  args: string[],
  folder: string,
  settings: Environment = {},
): Promise<{ code: number | null; output: string; errors: string }> {
  const running = new TestProgram(program, args, folder, settings)
  return { code: await running.exit(), output: running.output, errors: running.errors }
}

/** Starts chat-api in the foreground; resolves with it and its URL when it takes requests. */
export async function startApi(folder: string, settings: Environment = {}) {
  const program = new TestProgram('chat-api', ['start'], folder, settings)
  return { program, url: await apiUrl(program) }
}

/** Starts chat-websocket in the foreground; resolves with it and its URL when it takes sockets. */
export async function startDaemon(folder: string, settings: Environment = {}) {
  const program = new TestProgram('chat-websocket', ['start'], folder, settings)
  return { program, url: await daemonUrl(program) }
}

/** Both, on one database. */
export async function startChat(settings: Environment = {}, folder = temporaryFolder()) {
  const [api, daemon] = await Promise.all([
    startApi(folder, settings),
    startDaemon(folder, settings),
  ])
  return { folder, api, daemon }
}
