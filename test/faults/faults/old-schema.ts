import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import type { Fault, World } from '../fault.ts'

const TIMES = 4
const BETWEEN_MS_MAX = 700

/** Both programs are started anew on a file of the version before, while everybody tries to get in. */
export const fault: Fault = {
  name: 'a schema one version older, migrated under load',
  expectSaid: { log: [/Database \S+ migrated from schema 3 to 4/] },
  async run(world) {
    const times = world.scaled(TIMES)
    for (let time = 0; time < times; time += 1) {
      await delay(world.random.next() * BETWEEN_MS_MAX)
      await upgrade(world)
    }
  },
}

async function upgrade({ service }: World): Promise<void> {
  const programs = ['chat-api', 'chat-websocket'] as const
  await Promise.all(programs.map((program) => service.terminate(program)))
  makeOlder(service.databasePath)
  await Promise.all(programs.map((program) => service.start(program)))
}

/** As version 3 was: its events do not say what they are about, and its connections what they buffer. */
function makeOlder(path: string): void {
  const sqlite = new Sqlite(path)
  sqlite.exec(`
    BEGIN IMMEDIATE;
    ALTER TABLE pending_events DROP COLUMN message_id;
    ALTER TABLE pending_events DROP COLUMN subject_user_id;
    ALTER TABLE connections ADD COLUMN buffered_bytes INTEGER NOT NULL DEFAULT 0;
    PRAGMA user_version = 3;
    COMMIT;
  `)
  sqlite.close()
}
