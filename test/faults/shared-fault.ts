import type { Connection } from 'mysql2/promise'
import { whyNoMariadb } from '../support/mariadb.ts'
import type { Environment } from '../support/running-program.ts'
import type { Fault, OwnDatabase, World } from './fault.ts'
import type { Member } from './member.ts'
import { findPresenceProblems } from './presence.ts'
import type { Load } from './sender.ts'
import { SharedDatabase } from './shared-database.ts'

/** All on one database. */
export const SHARED_MEMBERS: Member[] = [
  'chat-api',
  'chat-api-2',
  'chat-websocket',
  'chat-websocket-2',
  'chat-websocket-3',
]

/** Some 300 messages a second on two cores; every second user moves from daemon to daemon. */
export const SHARED_LOAD: Partial<Load> = {
  users: 60,
  userIdStep: 8,
  plainUsers: 0,
  pauseMsMax: 250,
  staysMsMax: 8_000,
}

/** A database on a server, for several processes. */
export interface SharedStorage extends OwnDatabase {
  readonly port: number
  /** @param port of something between a process and the server */
  settingsAt(port: number): Environment
  /** Runs a statement as root, past the service. */
  query<Row>(sql: string, values?: unknown[]): Promise<Row[]>
  /** Lends out a connection of root, which is closed after the work. */
  use<Result>(work: (root: Connection) => Promise<Result>): Promise<Result>
}

/** What a fault of the shared engine happens to. */
export interface SharedWorld<Database extends SharedStorage = SharedStorage> extends World {
  database: Database
}

interface SharedFault<Database extends SharedStorage>
  extends Omit<Fault, 'run' | 'findProblems' | 'database' | 'members'> {
  run(world: SharedWorld<Database>): Promise<void>
}

/** A fault of two APIs and three daemons on one MariaDB. */
export function sharedFault<Database extends SharedStorage = SharedDatabase>(
  fault: SharedFault<Database>,
): Fault {
  const sharing = (world: World) => {
    return { ...world, database: world.service.storage as SharedStorage as Database }
  }
  return {
    ...fault,
    members: SHARED_MEMBERS,
    database: () => SharedDatabase.start(),
    missing: () => whyNoMariadb() ?? fault.missing?.(),
    load: { ...SHARED_LOAD, ...fault.load },
    run: (world) => fault.run(sharing(world)),
    findProblems: (world) => findPresenceProblems(sharing(world)),
  }
}
