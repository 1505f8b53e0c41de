import { whyNoMariadb } from '../support/mariadb.ts'
import type { Fault, World } from './fault.ts'
import type { Member } from './member.ts'
import { findPresenceProblems } from './presence.ts'
import type { Load } from './sender.ts'
import type { SharedDatabase } from './shared-database.ts'

/** All on one database. */
export const SHARED_MEMBERS: Member[] = [
  'chat-api',
  'chat-api-2',
  'chat-websocket',
  'chat-websocket-2',
  'chat-websocket-3',
]

/** Some 300 messages a second on two cores; every second user moves from daemon to daemon. */
const SHARED_LOAD: Partial<Load> = {
  users: 60,
  userIdStep: 8,
  plainUsers: 0,
  pauseMsMax: 250,
  staysMsMax: 8_000,
}

/** What a fault of the shared engine happens to. */
export interface SharedWorld extends World {
  database: SharedDatabase
}

interface SharedFault extends Omit<Fault, 'run' | 'findProblems'> {
  run(world: SharedWorld): Promise<void>
}

/** A fault of two APIs and three daemons on one MariaDB. */
export function sharedFault(fault: SharedFault): Fault {
  const sharing = (world: World) => {
    return { ...world, database: world.service.storage as SharedDatabase }
  }
  return {
    ...fault,
    isShared: true,
    missing: () => whyNoMariadb() ?? fault.missing?.(),
    load: { ...SHARED_LOAD, ...fault.load },
    run: (world) => fault.run(sharing(world)),
    findProblems: (world) => findPresenceProblems(sharing(world)),
  }
}
