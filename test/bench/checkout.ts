import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const LOCK_FILE = 'package-lock.json'

/** Puts another commit of this repository into `folder`, and builds it there. Returns the folder. */
export function checkOut(commit: string, folder: string): string {
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: 2 ** 30 })
  execFileSync('tar', ['-x', '-C', folder], { input: archive })
  if (hasSamePackages(commit)) symlinkSync(`${ROOT}node_modules`, `${folder}/node_modules`)
  else run('npm', 'ci', '--ignore-scripts=false')
  run('npm', 'run', 'build')
  return folder
}

/** Then they need not be installed, and better-sqlite3 not be compiled, again. */
function hasSamePackages(commit: string): boolean {
  try {
    execFileSync('git', ['diff', '--quiet', commit, '--', LOCK_FILE], { cwd: ROOT })
    return true
  } catch {
    return false
  }
}
