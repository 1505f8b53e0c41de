import { openError } from './errors.ts'
import { DatabaseProbe } from './probe.ts'

/** A table whose rows are moved to another engine; the first of its columns is its id. */
export interface ExportedTable {
  name: string
  columns: string[]
  /** The number of rows. */
  count: number
  /** The highest id that was ever given; 0 for a table without AUTOINCREMENT. */
  lastId: number
}

/**
 * When users were last seen who were connected to a daemon that died, and that no other has followed,
 * is in its rows.
 */
const LAST_SEEN = `
  coalesce((
    SELECT max(max(connected_at), coalesce((SELECT max(heartbeat_at) FROM daemons), ''))
    FROM connections
    WHERE connections.user_id = users.user_id
    GROUP BY connections.user_id
  ), last_seen_at) AS last_seen_at
`

/** What is moved: not what is of the moment, such as sockets and the lease of a daemon. */
const TABLES = {
  users: `SELECT user_id, username, name, profile_url, ${LAST_SEEN} FROM users ORDER BY user_id`,
  conversations: `
    SELECT conversation_id, lower_user_id, higher_user_id, last_message_id, lower_unread_count,
      higher_unread_count
    FROM conversations
    ORDER BY conversation_id
  `,
  messages: `
    SELECT message_id, conversation_id, sender_id, receiver_id, message_type, message, media_path,
      media_duration, file_size, client_message_id, read_at, created_at
    FROM messages
    ORDER BY message_id
  `,
  user_blocks: `
    SELECT user_id, blocked_user_id, created_at FROM user_blocks ORDER BY user_id, blocked_user_id
  `,
  pending_events: `
    SELECT event_id, event, user_id, data, created_at, message_id, subject_user_id
    FROM pending_events
    ORDER BY event_id
  `,
  webhooks: 'SELECT message_id, user_id, due_at, attempts FROM webhooks ORDER BY message_id',
}

/**
 * Everything in a database, for another engine. Until `close` no other program has it open, nor can
 * open it.
 */
export class Export {
  readonly tables: ExportedTable[]
  readonly #path: string
  readonly #probe: DatabaseProbe

  /** @throws ChatError `setup` for a file that is in use, damaged or of another version */
  constructor(path: string) {
    this.#path = path
    this.#probe = new DatabaseProbe(path)
    try {
      this.#probe.lock()
      this.#probe.assertCurrent()
      this.#probe.checkIntegrity()
      this.tables = Object.keys(TABLES).map((name) => this.#describe(name as TableName))
    } catch (error) {
      void this.#probe.close()
      throw error
    }
  }

  /** The number of rows in all. */
  get count(): number {
    return this.tables.reduce((sum, { count }) => sum + count, 0)
  }

  /** Reads the rows of a table one by one, as arrays of the values of its columns. */
  *rows({ name }: Pick<ExportedTable, 'name'>): Generator<unknown[]> {
    try {
      const statement = this.#probe.database.prepare<[], unknown[]>(TABLES[name as TableName])
      yield* statement.raw().iterate()
    } catch (error) {
      throw openError(this.#path, error)
    }
  }

  close(): Promise<void> {
    return this.#probe.close()
  }

  #describe(name: TableName): ExportedTable {
    const { database } = this.#probe
    const columns = database.prepare<[]>(TABLES[name]).columns()
    const count = database.prepareValue<[], number>(`SELECT count(*) FROM ${name}`).get() ?? 0
    const lastId = database
      .prepareValue<[string], number>('SELECT seq FROM sqlite_sequence WHERE name = ?')
      .get(name)
    return { name, columns: columns.map((column) => column.name), count, lastId: lastId ?? 0 }
  }
}

type TableName = keyof typeof TABLES
