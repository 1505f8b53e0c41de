import type { Environment } from '../support/running-program.ts'
import type { Auditor } from './auditor.ts'
import type { Member } from './member.ts'
import type { Random } from './random.ts'
import type { Load } from './sender.ts'
import type { Service } from './service.ts'
import type { Storage } from './stored.ts'

/** A database for one fault alone. */
export interface OwnDatabase extends Storage {
  /** Leaves nothing behind. */
  destroy(): Promise<void>
}

/** What a fault happens to. Load runs on it. */
export interface World {
  service: Service
  auditor: Auditor
  random: Random
  /** As often or as long as the effort asks for, of what a full run does; at least 1. */
  scaled(full: number): number
}

/** What the service must have said of a fault: each pattern fits one line of the log, or an answer. */
export interface Expected {
  log?: RegExp[]
  /** Answers of /health, status first: '503 {"status":"error",…'. */
  health?: RegExp[]
  /** Answers of `status --json`; the fault has to ask for them (Service.status). */
  status?: RegExp[]
}

/** A way in which things break. One in each file of faults/, those of the shared engine in shared/. */
export interface Fault {
  name: string
  /** Starts a database on a server for it; undefined for an SQLite file. */
  database?: () => Promise<OwnDatabase>
  /** The processes of the service; undefined for one of each program. */
  members?: Member[]
  /** Whether it shows what a wrong setting costs: then acknowledged messages may be gone. */
  mayLose?: boolean
  /** Whether it takes too long for the tests: then only the command runs it. */
  isLong?: boolean
  /** Why it cannot happen on this machine; undefined when it can. */
  missing?: () => string | undefined
  /** A process of the service, which lives in `folder`, is started with these. */
  settings?: (folder: string, member: Member) => Environment
  /** Everything that the service writes goes to a disk of its own that has room for so much. */
  diskBytes?: number
  /** It keeps its media in a bucket (Service.bucket). */
  hasBucket?: boolean
  /** Where the load differs from the usual one. */
  load?: Partial<Load>
  expectSaid?: Expected
  /** Whether a daemon may find events gone that it has not read, and have its clients recover. */
  mayMissEvents?: boolean
  /** The longest that a client may wait for an answer, or for an acknowledged message, in ms. */
  waitsMsMax?: number
  /** Called before the first client comes. */
  prepare?: (world: World) => Promise<void>
  /**
   * Does the harm while messages flow, and resolves when it is over: from then on the time to recover
   * counts. What it killed it has started again; all else the service has to manage by itself.
   */
  run(world: World): Promise<void>
  /** What is wrong when all is over and nothing is sent any more, before the service is stopped. */
  findProblems?: (world: World) => Promise<string[]>
}
