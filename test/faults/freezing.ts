import { readdirSync, readFileSync } from 'node:fs'
import { waitFor } from '../support/wait.ts'

/** Stops processes where they are, with all their threads, for as long as `look` takes. */
export async function whileFrozen(pids: number[], look: () => void): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  try {
    await waitFor(() => pids.every(isFrozen), 'the processes to stand still')
    look()
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT')
  }
}

/** A thread that waits for the disk stops only after what it asked for is done. */
function isFrozen(pid: number): boolean {
  const tasks = readdirSync(`/proc/${pid}/task`)
  return tasks.every((task) => {
    const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'T'
  })
}
