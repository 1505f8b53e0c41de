import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { connect, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { apiLines, BackgroundService, daemonLines, isAlive, linesOf } from '../support/processes.ts'
import { processEnvironment } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Runs it as a terminal does: as a process group of its own, which gets the Ctrl-C. */
function npmStart(folder: string) {
  const npm = spawn('npm', ['start'], {
    cwd: ROOT,
    env: processEnvironment(folder),
    detached: true,
  })
  const group = -(npm.pid as number)
  onTestFinished(() => {
    if (npm.exitCode === null && npm.signalCode === null) process.kill(group, 'SIGKILL')
  })
  const started = { npm, group, output: '' }
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.on('data', (chunk) => {
      started.output += chunk
    })
  }
  return started
}

test('npm start runs both, labels their lines, and Ctrl-C stops both', async () => {
  const folder = temporaryFolder()
  const api = new BackgroundService('chat-api', folder)
  const daemon = new BackgroundService('chat-websocket', folder)
  const started = npmStart(folder)
  const port = (pattern: RegExp) => Number(pattern.exec(started.output)?.[1])
  const apiPort = () => port(/^\[chat-api\] Chat API running on http:.+:(\d+)$/m)
  const daemonPort = () => port(/^\[chat-websocket\] Listening on port (\d+)$/m)
  const isReady = () => apiPort() > 0 && started.output.includes('Direct broadcast via')
  await waitFor(isReady, 'both to start')

  const socket = await connect(`ws://127.0.0.1:${daemonPort()}`, 2)
  const sent = await sendText(`http://127.0.0.1:${apiPort()}`, 1, 2, 'Hello')
  expect(await socket.event('chat:message')).toEqual(sent)
  const lines = linesOf(started.output)
  const labelled = (name: string) => lines.filter((line) => line.startsWith(`[${name}] `))
  expect(labelled('chat-api')).toEqual(apiLines(apiPort()).map((line) => `[chat-api] ${line}`))
  expect(labelled('chat-websocket')).toEqual(
    daemonLines(daemonPort()).map((line) => `[chat-websocket] ${line}`),
  )

  // As its first line wants it: the daemon was started by its file, not by `node`.
  expect(readFileSync(`/proc/${daemon.pid}/cmdline`, 'utf8')).toContain('--max-semi-space-size=')
  const pids = [api.pid, daemon.pid] as number[]
  expect(pids.every(isAlive)).toBe(true)
  process.kill(started.group, 'SIGINT')
  await once(started.npm, 'exit')
  expect((await socket.whenClosed()).code).toBe(1001)
  await waitFor(() => !pids.some(isAlive), 'both to stop')
})

test('when one of the two ends, npm start stops the other and ends', async () => {
  const folder = temporaryFolder()
  const api = new BackgroundService('chat-api', folder)
  const daemon = new BackgroundService('chat-websocket', folder)
  const started = npmStart(folder)
  const signs = ['Chat API running on', 'Direct broadcast via']
  const isReady = () => signs.every((sign) => started.output.includes(sign))
  await waitFor(isReady, 'both to start')
  const daemonPid = daemon.pid as number

  process.kill(api.pid as number, 'SIGKILL')

  await once(started.npm, 'exit')
  expect(started.npm.exitCode).not.toBe(0)
  await waitFor(() => !isAlive(daemonPid), 'the daemon to stop')
  expect(started.output).toMatch(/^\[chat-websocket\] .* Stopped$/m)
})
