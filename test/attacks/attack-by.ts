import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { RunningProcess } from '../support/running-program.ts'
import type { Order, Report } from './attackers.ts'

const ATTACKERS = fileURLToPath(new URL('attackers.ts', import.meta.url))

/** Has the attackers carry out an order; resolves with what came of it when they are gone. */
export async function attackBy(order: Order): Promise<Report> {
  const attackers = new RunningProcess(process.execPath, ['--import', 'tsx', ATTACKERS], {
    env: process.env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  try {
    attackers.process.send(order)
    const died = attackers.exit().then((code) => {
      throw new Error(`the attackers died (${code}): ${attackers.output}`)
    })
    const [report] = await Promise.race([once(attackers.process, 'message'), died])
    return report
  } finally {
    await attackers.kill()
  }
}
