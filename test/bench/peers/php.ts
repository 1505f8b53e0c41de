import { readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mariadb } from '../../support/mariadb.ts'
import { freePort } from '../../support/network.ts'
import { RunningProcess } from '../../support/running-program.ts'
import { waitFor } from '../../support/wait.ts'
import { startMariadb } from './mariadb.ts'
import type { Peer } from './peer.ts'
import { findPhpPrograms, type PhpPrograms } from './php-programs.ts'

const SOURCES = fileURLToPath(new URL('./php', import.meta.url))

/**
 * The architecture that the document describes: nginx, php-fpm and MariaDB, each an instance of its
 * own in `folder`, and `php chat_websocket.php`.
 */
export async function startPhp(folder: string): Promise<Peer> {
  const site = new PhpSite(folder, findPhpPrograms())
  try {
    await site.start()
  } catch (error) {
    await site.stop()
    throw error
  }
  return {
    name: 'php',
    apiUrl: `http://127.0.0.1:${site.httpPort}`,
    socketUrls: [`ws://127.0.0.1:${site.socketPort}/`],
    protocol: 'plain',
    pids: site.pids,
    stop: () => site.stop(),
  }
}

/** A machine's worth of servers for one PHP application. */
class PhpSite {
  httpPort = 0
  socketPort = 0
  readonly #folder: string
  readonly #programs: PhpPrograms
  #databaseSocket = ''
  /** In the order in which they were started. */
  readonly #running: (RunningProcess | Mariadb)[] = []

  constructor(folder: string, programs: PhpPrograms) {
    this.#folder = folder
    this.#programs = programs
  }

  async start(): Promise<void> {
    await this.#startDatabase()
    await Promise.all([this.#startPhpFpm(), this.#startDaemon()])
    await this.#startNginx()
  }

  /** Those who use the database go before it. */
  async stop(): Promise<void> {
    for (const running of this.#running.toReversed()) await running.stop()
  }

  /** Of all processes, workers included. */
  get pids(): number[] {
    return this.#running.flatMap(({ pid }) => [pid, ...childrenOf(pid)])
  }

  async #startDatabase(): Promise<void> {
    const mariadb = await startMariadb(this.#folder)
    this.#running.push(mariadb)
    this.#databaseSocket = mariadb.socket
    const schema = `--execute=source ${join(SOURCES, 'schema.sql')}`
    const socket = `--socket=${mariadb.socket}`
    await this.#run(this.#programs.mariadb, ['--no-defaults', socket, '--user=root', schema])
  }

  async #startPhpFpm(): Promise<void> {
    const settings = this.#configure('php-fpm.conf', { user: `user = ${userInfo().username}` })
    const options = ['--nodaemonize', '--force-stderr', '--allow-to-run-as-root']
    const running = this.#spawn(this.#programs.phpFpm, [...options, '--fpm-config', settings])
    await running.printed(/ready to handle connections/)
  }

  async #startDaemon(): Promise<void> {
    this.socketPort = await freePort()
    const script = join(SOURCES, 'chat_websocket.php')
    const running = this.#spawn(this.#programs.php, [script, String(this.socketPort)])
    await running.printed(/Direct broadcast via/)
  }

  /** It prints nothing: it has started when it answers. */
  async #startNginx(): Promise<void> {
    this.httpPort = await freePort()
    const settings = this.#configure('nginx.conf', {
      user: `user ${userInfo().username};`,
      port: String(this.httpPort),
      sources: SOURCES,
    })
    const options = ['-p', this.#folder, '-c', settings, '-e', 'stderr']
    const running = this.#spawn(this.#programs.nginx, options)
    const isAnswering = () => answers(`http://127.0.0.1:${this.httpPort}/send_chat_message.php`)
    await waitFor(async () => running.hasExited || (await isAnswering()), 'nginx')
    if (running.hasExited) throw new Error(`nginx has ended: ${running.errors}`)
  }

  /** Writes one of php/'s configuration files, filled in, and returns its path. */
  #configure(file: string, values: Record<string, string>): string {
    const known: Record<string, string> = { folder: this.#folder, ...values }
    const template = readFileSync(join(SOURCES, file), 'utf8')
    const path = join(this.#folder, file)
    writeFileSync(
      path,
      template.replace(/\{(\w+)\}/g, (whole, name: string) => known[name] ?? whole),
    )
    return path
  }

  /** Runs a command to its end. */
  async #run(command: string, args: string[]): Promise<void> {
    const running = new RunningProcess(command, args, { cwd: this.#folder })
    if ((await running.exit()) !== 0) throw new Error(`${command} failed: ${running.output}`)
  }

  #spawn(command: string, args: string[]): RunningProcess {
    const env = { ...process.env, CHAT_DATABASE_SOCKET: this.#databaseSocket }
    const running = new RunningProcess(command, args, { cwd: this.#folder, env })
    this.#running.push(running)
    return running
  }
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { method: 'POST' }).catch(() => undefined)
  return response?.status === 400
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children.split(' ').filter(Boolean).map(Number)
}
