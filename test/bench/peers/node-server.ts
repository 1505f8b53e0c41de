import { fileURLToPath } from 'node:url'
import { RunningProcess } from '../../support/running-program.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))

/** A server of this folder in a process of its own. */
export interface NodeServer {
  port: string
  pid: number
  stop(): Promise<void>
}

/** Starts a TypeScript file of this folder; resolves when it listens. */
export async function startNodeServer(file: string): Promise<NodeServer> {
  // Where tsx can be found from, wherever the bench was started.
  const running = new RunningProcess(process.execPath, ['--import', 'tsx', file], { cwd: FOLDER })
  const stop = async () => void (await running.stop())
  try {
    return { port: await running.printed(/Listening on port (\d+)/), pid: running.pid, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
