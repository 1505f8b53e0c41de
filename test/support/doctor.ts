import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { type Environment, environment } from './running-program.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/chat-websocket.js', import.meta.url))

export interface Finding {
  check: string
  level: 'ok' | 'warning' | 'error'
  message: string
}

export interface Diagnosis {
  code: number | null
  healthy: boolean
  checks: Finding[]
  /** What one check found: its worst, if it found several things. */
  found(check: string): Finding | undefined
}

/**
 * Runs `doctor --json`.
 *
 * @param wrapper a command that runs another: ['prlimit', '--nofile=100']
 */
export async function runDoctor(
  folder: string,
  settings: Environment = {},
  wrapper: string[] = [],
): Promise<Diagnosis> {
  const { code, output } = await doctorOutput(folder, settings, ['--json'], wrapper)
  const { healthy, checks } = JSON.parse(output) as Diagnosis
  const found = (check: string) => {
    const own = checks.filter((finding) => finding.check === check)
    return own.find(({ level }) => level !== 'ok') ?? own[0]
  }
  return { code, healthy, checks, found }
}

export async function doctorOutput(
  folder: string,
  settings: Environment = {},
  args: string[] = [],
  wrapper: string[] = [],
): Promise<{ code: number | null; output: string }> {
  const command = [...wrapper, process.execPath, PROGRAM, 'doctor', ...args]
  const inherited = Object.entries(process.env).filter(([name]) => !/^(CHAT|AWS)_/.test(name))
  const doctor = spawn(command[0] as string, command.slice(1), {
    cwd: folder,
    env: { ...Object.fromEntries(inherited), ...environment(folder, settings) },
  })
  let output = ''
  for (const stream of [doctor.stdout, doctor.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  const [code] = await once(doctor, 'close')
  return { code, output }
}

/** For root, whom file modes do not stop: runs a command that they do. */
export const HELD_TO_MODES =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : []

/** Does something to a database from outside. */
export function withDatabase(path: string, use: (database: Sqlite.Database) => void): void {
  const database = new Sqlite(path)
  use(database)
  database.close()
}
