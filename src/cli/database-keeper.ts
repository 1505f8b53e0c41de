import { linkSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '../database.ts'
import type { Displacement } from '../database-files.ts'
import type { Log } from '../log.ts'

/** How often it looks while all is well: whoever writes finds out by themselves. */
const LOOK_INTERVAL_MS = 1_000
/** And when it is not: a new file that has not changed from one look to the next is complete. */
const DISPLACED_LOOK_INTERVAL_MS = 250
/** How long a file may be gone: whoever restores a backup by hand moves the old file away first. */
const GONE_MS: Record<Role, number> = { owner: 3_000, guest: 8_000 }

/** The owner acknowledges messages and answers for them; a guest steps in when there is no owner. */
type Role = 'owner' | 'guest'

export interface DatabaseKeeperOptions {
  /** The database that is open at the moment. */
  database: () => Database
  log: Log
  role: Role
  /** Closes the database and opens it anew, with everything that stands on it. */
  reopen: () => Promise<void>
}

/**
 * Watches over the open database, and brings the process back to the file that bears its name.
 *
 * in place → displaced (writes are refused, see Database.write; reads go on with the old files) →
 * - deleted, or separated from its log: after GONE_MS a copy of what the process still sees takes its
 *   place, with everything ever acknowledged;
 * - replaced: as soon as the new file is complete it counts; the owner first saves what the old one
 *   held beside it
 * → opened anew → in place. Whatever fails on the way is logged once and tried again.
 */
export class DatabaseKeeper {
  readonly #options: DatabaseKeeperOptions
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #displacedSince: number | undefined
  #lastSeen = ''
  #isFailing = false
  /** The way is clear, and what the log is to say when the database is open again. */
  #ready: string | undefined

  constructor(options: DatabaseKeeperOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  /** Resolves when nothing is being opened, and nothing will be. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const isWell = this.#displacedSince === undefined
      const intervalMs = isWell ? LOOK_INTERVAL_MS : DISPLACED_LOOK_INTERVAL_MS
      await delay(intervalMs, undefined, { signal }).catch(() => {})
      if (!signal.aborted) await this.#look()
    }
  }

  async #look(): Promise<void> {
    try {
      this.#ready ??= await this.#prepare()
      if (this.#ready === undefined) return
      await this.#options.reopen()
      this.#tellWell(this.#ready)
      this.#ready = undefined
    } catch (error) {
      if (!this.#isFailing) this.#options.log.error('It cannot be opened; trying again', error)
      this.#isFailing = true
    }
  }

  /** Resolves with what was done once the database is to be opened anew; undefined until then. */
  async #prepare(): Promise<string | undefined> {
    const displacement = this.#options.database().displacement()
    if (displacement === undefined) {
      this.#tellWell('the file is back in its place')
      return undefined
    }
    this.#notice(displacement)
    return displacement === 'replaced' ? this.#giveWay() : this.#putBack(displacement)
  }

  #notice(displacement: Displacement): void {
    if (this.#displacedSince !== undefined) return
    this.#displacedSince = performance.now()
    const { path } = this.#options.database()
    this.#options.log.error(`Database ${path} was ${WHAT[displacement]}: nothing is stored for now`)
  }

  async #putBack(displacement: Displacement): Promise<string | undefined> {
    const { database, role } = this.#options
    const goneMs = performance.now() - (this.#displacedSince as number)
    if (goneMs < GONE_MS[role]) return undefined
    const { path } = database()
    const copy = `${path}.${role}-copy`
    mkdirSync(dirname(path), { recursive: true })
    rmSync(copy, { force: true })
    await database().copyTo(copy)
    database().removeCompanions()
    // A file that has come meanwhile counts: to link fails then, and the next look finds it.
    if (displacement === 'deleted') linkSync(copy, path)
    else renameSync(copy, path)
    rmSync(copy, { force: true })
    return 'it was put back from the open files, with all that was ever acknowledged'
  }

  async #giveWay(): Promise<string | undefined> {
    const { database, role } = this.#options
    const { path } = database()
    if (!this.#isComplete(path)) return undefined
    const rescued = `${path}.rescued-${new Date().toISOString().replace(/[-:]|\..*/g, '')}`
    if (role === 'owner') await database().copyTo(rescued)
    database().removeCompanions()
    const saved = role === 'owner' ? `, and what the old one held is saved in ${rescued}` : ''
    return `the new file is in use now${saved}`
  }

  /** Whether nobody has written to it since the last look: it may still be on its way here. */
  #isComplete(path: string): boolean {
    const { ino, size, mtimeMs } = statSync(path)
    const seen = `${ino} ${size} ${mtimeMs}`
    const isSame = seen === this.#lastSeen
    this.#lastSeen = seen
    return isSame
  }

  #tellWell(done: string): void {
    if (this.#displacedSince === undefined) return
    this.#options.log.info(`Database ${this.#options.database().path} works again: ${done}`)
    this.#displacedSince = undefined
    this.#isFailing = false
  }
}

const WHAT: Record<Displacement, string> = {
  deleted: 'moved or deleted',
  replaced: 'replaced by another file',
  separated: 'separated from its -wal or -shm file',
}
