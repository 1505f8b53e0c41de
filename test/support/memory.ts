import { readFileSync } from 'node:fs'

/** What a process holds of the machine's memory, in bytes (Linux). */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** The most that a process holds while `work` is done. */
export async function peakBytesDuring(pid: number, work: () => Promise<void>): Promise<number> {
  const samples = [residentBytes(pid)]
  const timer = setInterval(() => samples.push(residentBytes(pid)), 50)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return Math.max(...samples, residentBytes(pid))
}
