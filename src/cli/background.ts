import { type ChildProcess, fork } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ChatError, systemCode } from '../errors.ts'
import { isSameProcess, processStartedAt } from '../sqlite/process-identity.ts'

/** The time for a service to get ready: longer than the retries of a locked database. */
const READY_MS = 15_000
/** The time for a graceful shutdown: longer than the service's own forced exit. */
const STOP_MS = 15_000
const STOP_POLL_MS = 20
const APPENDED = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND

/** The files by which the commands of one service find its process. */
interface ServiceFiles {
  pidFile: string
  logFile: string
}

export function serviceFiles(pidDir: string, service: string): ServiceFiles {
  return { pidFile: join(pidDir, `${service}.pid`), logFile: join(pidDir, `${service}.log`) }
}

/**
 * The pid in a pid file, if the process that wrote it is alive: a pid file outlives a crash, and
 * the system may reuse its pid.
 *
 * @throws ChatError `setup` for a symbolic link, which another user may have made
 */
export function readPidFile(pidFile: string): number | undefined {
  const [pidText, startedAt = ''] = readExisting(pidFile).split('\n')
  const pid = Number(pidText)
  return pid > 0 && isSameProcess(pid, startedAt) ? pid : undefined
}

/**
 * Writes this process into the pid file, unless it names another live one. Returns a function that
 * removes the file.
 *
 * @throws ChatError `setup` when the folder cannot be written to, or a symbolic link stands there
 */
export function claimPidFile(pidFile: string): () => void {
  if (readPidFile(pidFile) !== undefined) return () => {}
  try {
    mkdirSync(join(pidFile, '..'), { recursive: true })
    replaceFile(pidFile, `${process.pid}\n${processStartedAt(process.pid)}\n`)
  } catch (error) {
    throw unwritable(pidFile, error)
  }
  return () => {
    if (readPidFile(pidFile) === process.pid) rmSync(pidFile, { force: true })
  }
}

/**
 * Starts a program in the background, with the Node options of this process and its output in the
 * log file. It outlives this process. Resolves with its pid when it is ready (`notifyStarter`).
 *
 * @throws ChatError `setup` with the problem of a service that does not get ready
 */
export async function startInBackground(
  files: ServiceFiles,
  program: string,
  args: string[],
): Promise<number> {
  const log = openLog(files.logFile)
  const child = fork(program, args, { detached: true, stdio: ['ignore', log, log, 'ipc'] })
  const problem = await readyOrProblem(child)
  if (problem !== undefined) {
    throw new ChatError('setup', `could not be started: ${problem} (Log file: ${files.logFile})`)
  }
  child.disconnect()
  child.unref()
  return child.pid as number
}

/**
 * Sends the process that started this one in the background, if any, that it is ready, or its
 * problem. The starter may have exited.
 */
export function notifyStarter(problem: string | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve()
    else process.send({ problem }, undefined, undefined, () => resolve())
  })
}

/**
 * Ends a process with `signal`; resolves with whether it has exited.
 *
 * @throws ChatError `setup` without the permission
 */
export async function stopProcess(pid: number, signal: NodeJS.Signals): Promise<boolean> {
  const startedAt = processStartedAt(pid)
  if (startedAt === undefined) return true
  sendSignal(pid, signal)
  const deadline = performance.now() + STOP_MS
  while (isSameProcess(pid, startedAt)) {
    if (performance.now() > deadline) return false
    await delay(STOP_POLL_MS)
  }
  return true
}

/**
 * Opens a pid or log file for reading; undefined when it is missing or cannot be read.
 *
 * @throws ChatError `setup` for a symbolic link
 */
export function openExisting(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if (systemCode(error) === 'ELOOP') throw isLink(path)
    return undefined
  }
}

/** '' for a file that is missing or cannot be read. */
function readExisting(path: string): string {
  const file = openExisting(path)
  if (file === undefined) return ''
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  } finally {
    closeSync(file)
  }
}

function isLink(path: string): ChatError {
  const advice = 'Remove it, and let nobody else write to that folder.'
  return new ChatError('setup', `${path} is a symbolic link, and is not followed. ${advice}`)
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // ESRCH: it has just exited.
    if (systemCode(error) !== 'EPERM') return
    throw new ChatError('setup', `pid ${pid} is another user's. Stop it as that user, or as root.`)
  }
}

function openLog(logFile: string): number {
  try {
    mkdirSync(join(logFile, '..'), { recursive: true })
    return openSync(logFile, APPENDED | constants.O_NOFOLLOW)
  } catch (error) {
    throw unwritable(logFile, error)
  }
}

function readyOrProblem(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      resolve(`it was not ready after ${READY_MS / 1000} s.`)
    }, READY_MS)
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(`it ended at once (${signal ?? code}).`))
    child.once('message', (message: { problem?: string }) => resolve(message.problem))
    for (const event of ['error', 'exit', 'message']) child.once(event, () => clearTimeout(timer))
  })
}

/** Replaces a file atomically: a concurrent reader finds the old content or the new one. */
function replaceFile(path: string, content: string): void {
  const next = `${path}.${process.pid}`
  rmSync(next, { force: true })
  // With x, no link is followed.
  writeFileSync(next, content, { flag: 'wx' })
  renameSync(next, path)
}

function unwritable(path: string, error: unknown): ChatError {
  if (systemCode(error) === 'ELOOP') return isLink(path)
  const advice = 'Make its folder writable for this user, or set CHAT_PID_DIR.'
  return new ChatError('setup', `${path} cannot be written (${systemCode(error)}). ${advice}`)
}
