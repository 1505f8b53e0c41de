import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { RunningProcess } from '../running-program.ts'
import type { Credentials } from './signature.ts'

/** Debian's own: other Pythons do not see its packages. */
const PYTHON = '/usr/bin/python3'
const PROGRAM = fileURLToPath(new URL('swift.py', import.meta.url))

/** Why no Swift can be started here; undefined if one can. */
export function whyNoSwift(): string | undefined {
  const { status } = spawnSync(PYTHON, ['-c', 'import swift.common.middleware.s3api'])
  return status === 0 ? undefined : 'python3-swift is not installed'
}

/** OpenStack Swift: a real S3 server, in a folder. Stop its process when done. */
export async function startSwift(folder: string, { accessKeyId, secretAccessKey }: Credentials) {
  const args = [PROGRAM, folder, accessKeyId, secretAccessKey]
  const process = new RunningProcess(PYTHON, args, { cwd: folder })
  const port = await process.printed(/Swift serves on port (\d+)/)
  return { process, url: `http://127.0.0.1:${port}` }
}
