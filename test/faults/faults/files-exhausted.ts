import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../../support/wait.ts'
import type { Fault, World } from '../fault.ts'

/** File descriptors that each process may still open; strangers take them all. */
const LEFT = 10
const STRANGERS = 30
const COME_AGAIN_MS = 10
const HELD_MS = 6_000

/** Nobody new gets in, and no file; who is in stays in. */
export const fault: Fault = {
  name: 'file descriptors exhausted',
  missing: () =>
    process.platform === 'linux' ? undefined : 'the limit cannot be set from outside',
  load: { files: 0.2 },
  expectSaid: {
    log: [/Opening files failed; .*no file descriptor is left/, /Opening files works again/],
    status: [/"health":"no answer/],
  },
  async run(world) {
    const { service, auditor, scaled } = world
    const connects = auditor.connectCount
    const lifts = (['chat-api', 'chat-websocket'] as const).map((program) =>
      limitFiles(service.pid(program)),
    )
    const strangers = [service.apiUrl, service.daemonUrl].map((url) => new Strangers(url))
    await waitFor(() => auditor.isRefused, 'a file to be refused')
    await service.status('chat-api')
    await delay(scaled(HELD_MS))
    await saysSo(world)
    for (const stranger of strangers) stranger.leave()
    for (const lift of lifts) lift()
    if (auditor.connectCount !== connects) throw new Error('sockets did not stay')
  },
}

/** It looks once a second. */
async function saysSo({ service }: World): Promise<void> {
  const isSaid = (log: string[]) => log.some((line) => line.includes('Opening files failed'))
  await waitFor(() => service.said.logs.every(isSaid), 'both to say so')
}

/** Returns what lifts the limit again. */
function limitFiles(pid: number): () => void {
  const before = prlimit(pid, '--nofile', '--noheadings', '--output=SOFT').trim()
  const used = readdirSync(`/proc/${pid}/fd`).length
  prlimit(pid, `--nofile=${used + LEFT}:`)
  return () => void prlimit(pid, `--nofile=${before}:`)
}

function prlimit(pid: number, ...args: string[]): string {
  return execFileSync('prlimit', ['--pid', String(pid), ...args], { encoding: 'utf8' })
}

/** They come again and again, so that whatever is closed is theirs. */
class Strangers {
  readonly #port: number
  readonly #sockets = new Set<Socket>()
  #isStaying = true

  constructor(url: string) {
    this.#port = Number(new URL(url).port)
    for (let count = 0; count < STRANGERS; count += 1) this.#come()
  }

  leave(): void {
    this.#isStaying = false
    for (const socket of this.#sockets) socket.destroy()
  }

  #come(): void {
    const socket = connect(this.#port, '127.0.0.1')
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (this.#isStaying) setTimeout(() => this.#isStaying && this.#come(), COME_AGAIN_MS)
    })
  }
}
