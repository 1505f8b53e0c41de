import { readdirSync, readFileSync } from 'node:fs'
import { residentBytes } from '../support/memory.ts'

/** CPU time that the living threads of these processes have used so far, in seconds (Linux). */
export function cpuSeconds(pids: number[]): number {
  const threads = pids.flatMap((pid) =>
    readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`),
  )
  const nanoseconds = threads.map((path) => Number(readFileSync(path, 'utf8').split(' ', 1)[0]))
  return sum(nanoseconds) / 1e9
}

/** What processes have used so far (Linux). */
export interface Usage {
  /** Processor time, in seconds. */
  cpu: number
  /** What went to the disk, or is on the way there. */
  writtenBytes: number
  /** Calls of the system that read or write: files and connections alike. */
  calls: number
}

export function usageOf(pids: number[]): Usage {
  const io = pids.map((pid) => readFileSync(`/proc/${pid}/io`, 'utf8'))
  const total = (name: string) =>
    sum(io.map((text) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1])))
  return {
    cpu: cpuSeconds(pids),
    writtenBytes: total('write_bytes'),
    calls: total('syscr') + total('syscw'),
  }
}

/** What was used between two readings. */
export function usedBetween(before: Usage, after: Usage): Usage {
  return {
    cpu: after.cpu - before.cpu,
    writtenBytes: after.writtenBytes - before.writtenBytes,
    calls: after.calls - before.calls,
  }
}

/** What these processes hold of the machine's memory together, in bytes. */
export function residentBytesOf(pids: number[]): number {
  return sum(pids.map(residentBytes))
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
