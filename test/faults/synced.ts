import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Environment } from '../support/running-program.ts'

const SOURCE = fileURLToPath(new URL('record-syncs.c', import.meta.url))

/** Something that a process had the disk keep, with as many bytes as it had then. */
export interface Sync {
  pid: number
  bytes: number
  path: string
}

/** Why what is synced cannot be recorded here; undefined when it can. */
export function whyNoRecord(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux tells what a process syncs'
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'there is no C compiler'
  }
}

/** With these settings a program that lives in `folder` records what it syncs. */
export function recordSyncs(folder: string): Environment {
  const library = join(folder, 'record-syncs.so')
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl'])
  return { LD_PRELOAD: library, RECORD_SYNCS_TO: recordFile(folder) }
}

/** Everything that was synced so far, in order. */
export function readSyncs(folder: string): Sync[] {
  if (!existsSync(recordFile(folder))) return []
  const lines = readFileSync(recordFile(folder), 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const [pid, bytes, ...path] = line.split(' ')
    return { pid: Number(pid), bytes: Number(bytes), path: path.join(' ') }
  })
}

function recordFile(folder: string): string {
  return join(folder, 'syncs')
}
