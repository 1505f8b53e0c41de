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

/** What these processes hold of the machine's memory together, in bytes. */
export function residentBytesOf(pids: number[]): number {
  return sum(pids.map(residentBytes))
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
