import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { readPidFile } from '../../src/cli/background.ts'
import { processStartedAt } from '../../src/sqlite/process-identity.ts'
import { runProgram } from './processes.ts'
import type { Environment, Program } from './running-program.ts'

/** A service in the background, found as its own commands find it: by its pid file in `folder`. */
export class BackgroundService {
  readonly program: Program
  readonly pidFile: string
  readonly logFile: string

  constructor(program: Program, folder: string) {
    this.program = program
    this.pidFile = join(folder, `${program}.pid`)
    this.logFile = join(folder, `${program}.log`)
    onTestFinished(() => {
      if (this.pid !== undefined) process.kill(this.pid, 'SIGKILL')
    })
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return readPidFile(this.pidFile)
  }

  get log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : ''
  }

  /** The port that the newest start printed. */
  get port(): number {
    return Number(
      this.log
        .match(/running on (?:port |http:.*:)(\d+)/g)
        ?.at(-1)
        ?.match(/\d+$/)?.[0],
    )
  }
}

/** Runs `start -d`. */
export async function startService(
  program: Program,
  folder: string,
  settings: Environment = {},
): Promise<BackgroundService> {
  const service = new BackgroundService(program, folder)
  const { code, output } = await runProgram(program, ['start', '-d'], folder, settings)
  if (code !== 0) throw new Error(`start -d failed: ${output}`)
  return service
}

export function isAlive(pid: number): boolean {
  return processStartedAt(pid) !== undefined
}
