import { readFileSync } from 'node:fs'
import { ChatError } from '../errors.ts'
import type { MysqlDatabase } from './database.ts'
import type { Session } from './session.ts'

const SCHEMA_FILE = new URL('../../src/mysql/schema.sql', import.meta.url)
/**
 * Each brings a database from one version of schema.sql to the next, as in src/sqlite/migrations.ts.
 * A server commits every change of a table by itself: so each statement must do no harm when it runs
 * a second time, after a process that was killed halfway.
 */
const MIGRATIONS = [
  // Messages are pushed to phones by the shop.
  `
    CREATE TABLE IF NOT EXISTS webhooks (
      message_id BIGINT NOT NULL PRIMARY KEY,
      user_id BIGINT NOT NULL,
      due_at DATETIME NOT NULL,
      attempts INT NOT NULL DEFAULT 0,
      sorted_user_id BIGINT NULL,
      KEY webhooks_of_user (sorted_user_id, message_id)
    ) ENGINE = InnoDB
  `,
]
/** The version of schema.sql. */
export const SCHEMA_VERSION = MIGRATIONS.length + 1

/** The version of a database that is being filled by a move. */
const MOVING = -1

/** One row with the version. Its lock lets one of several processes migrate. */
const VERSION_TABLE = `
  CREATE TABLE IF NOT EXISTS chat_schema (
    id      TINYINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version INT NOT NULL
  ) ENGINE = InnoDB
`

const SELECT_VERSION_TABLE = `
  SELECT 1 FROM information_schema.tables
  WHERE table_schema = DATABASE() AND table_name = 'chat_schema'
`

interface SchemaOptions {
  /**
   * Called after a database of an older version is migrated, with both versions. Without it an older
   * or empty database is rejected: a command must not change it under the services.
   */
  onMigrated?: ((from: number, to: number) => void) | undefined
}

/**
 * Creates the schema in an empty database, or migrates an older one. Idempotent, also when several
 * processes start together.
 *
 * @throws ChatError `setup` for a database of another program or of a newer version
 */
export async function prepareSchema(
  database: MysqlDatabase,
  { onMigrated }: SchemaOptions,
): Promise<void> {
  const found = await schemaVersion(database)
  if (found === SCHEMA_VERSION) return
  if (onMigrated === undefined) throw olderError(found)
  const version = await database.exclusively(migrate)
  if (version > 0 && version < SCHEMA_VERSION) onMigrated(version, SCHEMA_VERSION)
}

/**
 * The version of a database; 0 for an empty one.
 *
 * @throws ChatError `setup` for one of another program, of a newer version or half moved
 */
export async function schemaVersion(database: MysqlDatabase): Promise<number> {
  const tables = await database.read<{ name: string }>(`
    SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()
  `)
  if (tables.length === 0) return 0
  if (!tables.some(({ name }) => name === 'chat_schema')) throw foreignError()
  const sql = 'SELECT version FROM chat_schema WHERE id = 1'
  return assertKnown((await database.readValue<number>(sql)) ?? 0)
}

/** Keeps services from a database, until `endMove`. */
export async function beginMove(database: MysqlDatabase): Promise<void> {
  const sql = 'UPDATE chat_schema SET version = ? WHERE version = ?'
  if ((await database.write(sql, [MOVING, SCHEMA_VERSION])) === 0) throw movingError()
}

export async function endMove(database: MysqlDatabase): Promise<void> {
  await database.write('UPDATE chat_schema SET version = ?', [SCHEMA_VERSION])
}

/** Returns the version that was found. */
async function migrate(locking: Session, changing: Session): Promise<number> {
  // On Galera even the creation of what is there would take the lock from who holds it.
  const [found] = await changing.run<object[]>(SELECT_VERSION_TABLE)
  if (found === undefined) await changing.run(VERSION_TABLE)
  await changing.run('INSERT IGNORE INTO chat_schema (id, version) VALUES (1, 0)')
  await locking.run('START TRANSACTION')
  const [row] = await locking.run<{ version: number }[]>(
    'SELECT version FROM chat_schema WHERE id = 1 FOR UPDATE',
  )
  // Another process may have migrated it meanwhile.
  const version = assertKnown(row?.version ?? 0)
  if (version === 0) await changing.run(readFileSync(SCHEMA_FILE, 'utf8'))
  else for (const sql of MIGRATIONS.slice(version - 1)) await changing.run(sql)
  await locking.run('UPDATE chat_schema SET version = ? WHERE id = 1', [SCHEMA_VERSION])
  await locking.run('COMMIT')
  return version
}

function foreignError(): ChatError {
  const advice = 'Give the chat a database of its own: CREATE DATABASE chat CHARACTER SET utf8mb4'
  return new ChatError('setup', `holds tables of another program. ${advice}`)
}

function assertKnown(version: number): number {
  if (version > SCHEMA_VERSION) throw newerError(version)
  if (version === MOVING) throw movingError()
  return version
}

function newerError(version: number): ChatError {
  const message = `was written by a newer version (${versions(version)}). Update this program.`
  return new ChatError('setup', message)
}

/** Also while the move runs. */
function movingError(): ChatError {
  const advice = 'Drop the database, create it again, and repeat: chat-api move'
  return new ChatError('setup', `is half moved: no move to it has come to its end. ${advice}`)
}

function olderError(version: number): ChatError {
  if (version === 0) return new ChatError('setup', 'is empty. Start the chat first.')
  const message = `is of an older version (${versions(version)}). Restart the chat: that migrates it.`
  return new ChatError('setup', message)
}

function versions(found: number): string {
  return `schema ${found}, this program knows ${SCHEMA_VERSION}`
}
