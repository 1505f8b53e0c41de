import { ChatError } from '../errors.ts'
import type { DatabaseAddress } from './address.ts'
import { MysqlDatabase } from './database.ts'
import { prepareSchema } from './migrations.ts'
import { openError } from './open-error.ts'

/** The oldest servers with CHECKs that hold, recursive queries and SKIP LOCKED. */
const VERSIONS_MIN = { MariaDB: [10, 6, 0], MySQL: [8, 0, 16] } as const
/** `read_only`: a switch, of a newer MariaDB a word. */
const WRITABLE = [0, 'OFF']

/**
 * What the chat does all the time, to rows that there are not: it waits for nobody, and fails for
 * want of a right.
 */
const EVERYDAY_WRITES = [
  "INSERT INTO pending_events (event, data) SELECT '', '' FROM event_shards WHERE shard = 257",
  'UPDATE event_shards SET lock_count = lock_count + 1 WHERE shard = 257',
  'DELETE FROM pending_events WHERE shard = 257',
]

interface OpenOptions {
  /** As in prepareSchema. */
  onMigrated?: ((from: number, to: number) => void) | undefined
}

/**
 * Connects to the server, and creates or migrates the schema.
 *
 * @throws ChatError `setup` with one line: what is wrong, and what to do
 */
export async function openDatabase(
  address: DatabaseAddress,
  options: OpenOptions,
): Promise<MysqlDatabase> {
  const database = new MysqlDatabase(address)
  try {
    await checkServer(database)
    await prepareSchema(database, options)
    for (const sql of EVERYDAY_WRITES) await database.write(sql)
    await database.syncClock()
    await database.checkDurability()
    return database
  } catch (error) {
    await database.close()
    throw openError(address, error)
  }
}

/**
 * Returns its product and version.
 *
 * @throws ChatError `setup` for a server that is too old or read-only
 */
export async function checkServer(database: MysqlDatabase): Promise<string> {
  const [server] = await database.read<{ version: string; isReadOnly: number | string }>(
    'SELECT VERSION() AS version, @@read_only AS isReadOnly',
  )
  const version = server?.version ?? ''
  const product = version.includes('MariaDB') ? 'MariaDB' : 'MySQL'
  const least = VERSIONS_MIN[product]
  if (isOlder(version, least)) {
    const message = `is on ${product} ${version}; the chat takes ${least.join('.')} or later.`
    throw new ChatError('setup', message)
  }
  if (!WRITABLE.includes(server?.isReadOnly ?? '')) {
    const message = 'is on a server that is read-only. Name the primary in CHAT_DATABASE.'
    throw new ChatError('setup', message)
  }
  return `${product} ${version}`
}

function isOlder(version: string, least: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number)
  for (const [index, number] of least.entries()) {
    const part = parts[index] ?? 0
    if (part !== number) return part < number
  }
  return false
}
