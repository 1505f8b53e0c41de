import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { Mariadb, whyNoMariadb } from './mariadb.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The port of the MariaDB that all tests share, each with a database of its own. */
    mariadbPort: number | undefined
  }
}

/** One server for all projects of a run, each of which is set up by itself. */
const shared = globalThis as { chatMariadb?: Promise<Running> | undefined }

interface Running {
  port: number
  stop(): Promise<void>
}

/** Starts the MariaDB of this run; where there is none, says so. */
export default async function setup({
  provide,
}: TestProject): Promise<(() => Promise<void>) | undefined> {
  const problem = whyNoMariadb()
  if (problem !== undefined && process.env.CHAT_REQUIRE_MARIADB === '1') throw new Error(problem)
  if (problem !== undefined) {
    console.log(
      `The tests of the shared engine are skipped: ${problem} (apt-get install mariadb-server)`,
    )
    return undefined
  }
  shared.chatMariadb ??= start()
  const { port, stop } = await shared.chatMariadb
  provide('mariadbPort', port)
  return stop
}

async function start(): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'chat-mariadb-'))
  const mariadb = await Mariadb.start(folder)
  let stopped: Promise<void> | undefined
  const stop = async () => {
    await mariadb.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    port: mariadb.port,
    stop: () => {
      stopped ??= stop()
      return stopped
    },
  }
}
