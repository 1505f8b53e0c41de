import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { waitFor } from './wait.ts'

/** A process that this one has started, and what it has printed so far. */
export class RunningProcess {
  readonly process: ChildProcess
  output = ''
  /** The part of it that went to stderr. */
  errors = ''

  constructor(command: string, args: string[], options: SpawnOptions) {
    this.process = spawn(command, args, options)
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk
      })
    }
    this.process.stderr?.on('data', (chunk) => {
      this.errors += chunk
    })
  }

  get pid(): number {
    return this.process.pid as number
  }

  get hasExited(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  /** Waits for a line of output and returns what `pattern` captured in it. */
  async printed(pattern: RegExp): Promise<string> {
    const match = () => pattern.exec(this.output)
    await waitFor(() => match() !== null || this.hasExited, `output like ${pattern}`)
    const found = match()
    if (found === null) throw new Error(`exited without printing ${pattern}:\n${this.output}`)
    return found[1] ?? found[0]
  }

  /** The exit code, once it has ended; null if a signal ended it. */
  async exit(): Promise<number | null> {
    if (!this.hasExited) await once(this.process, 'exit')
    // The pipes may still hold the last lines.
    const streams = [this.process.stdout, this.process.stderr]
    await waitFor(() => streams.every((stream) => stream?.closed), 'the end of its output')
    return this.process.exitCode
  }

  /** As an operator's Ctrl-C or systemd would. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (!this.hasExited) this.process.kill(signal)
    return this.exit()
  }

  /** kill -9: no goodbye to anybody. */
  async kill(): Promise<void> {
    if (this.hasExited) return
    this.process.kill('SIGKILL')
    await once(this.process, 'exit')
  }
}
