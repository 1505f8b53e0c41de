import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Another program that has the service's database open. */
export interface OtherProgram {
  /** Resolves when it has ended. */
  end(): Promise<void>
}

/**
 * Runs a file of this folder on a database. It does its harm from its first output on, with which
 * this resolves, until its standard input ends.
 */
export async function startOther(file: string, databasePath: string): Promise<OtherProgram> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const program = spawn(process.execPath, ['--import', 'tsx', path, databasePath])
  await once(program.stdout, 'data')
  return {
    async end() {
      program.stdin.end()
      await once(program, 'exit')
    },
  }
}
