import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import type { Fault, World } from '../fault.ts'

const TIMES = 4
const BETWEEN_MS_MAX = 700

/** Both programs are started anew on a file of the version before, while everybody tries to get in. */
export const fault: Fault = {
  name: 'a schema one version older, migrated under load',
  expectSaid: { log: [/Database \S+ migrated from schema 5 to 6/] },
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

/** As version 5 was: each message stood in its conversation's place of the index from the start. */
function makeOlder(path: string): void {
  const sqlite = new Sqlite(path)
  sqlite.exec(`
    BEGIN IMMEDIATE;
    DROP INDEX messages_of_conversation;
    ALTER TABLE messages DROP COLUMN is_recent;
    CREATE INDEX messages_of_conversation ON messages (conversation_id, receiver_id);
    PRAGMA user_version = 5;
    COMMIT;
  `)
  sqlite.close()
}
