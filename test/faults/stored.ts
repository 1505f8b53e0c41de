import Sqlite from 'better-sqlite3'
import type { Environment } from '../support/running-program.ts'

/** A row of `messages`, as far as a send decides it. */
export interface StoredMessage {
  messageId: number
  senderId: number
  receiverId: number
  type: 'text' | 'image' | 'voice'
  body: string
  mediaPath: string | null
  fileSize: number | null
  clientMessageId: string | null
}

/** What stands in a database. */
export interface Stored {
  messages: StoredMessage[]
  /** How many events have ever been queued, those included that are told and deleted. */
  queuedCount: number
  /** What is wrong with it by itself, whoever sent what. */
  problems: string[]
}

/** The database under a service, as the audit reads it: past the service. */
export interface Storage {
  /** How the service is told where it is. */
  readonly settings: Environment
  read(): Promise<Stored>
  /** How many messages each user was sent. */
  countByReceiver(): Promise<Map<number, number>>
}

/** A database file in the folder of the service. */
export class SqliteStorage implements Storage {
  readonly settings = {}
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async read(): Promise<Stored> {
    return readStored(this.#path)
  }

  async countByReceiver(): Promise<Map<number, number>> {
    const sqlite = new Sqlite(this.#path, { readonly: true })
    try {
      return new Map(sqlite.prepare(COUNT_BY_RECEIVER).raw().all() as [number, number][])
    } finally {
      sqlite.close()
    }
  }
}

/** Reads a database file past the service. */
export function readStored(databasePath: string): Stored {
  const sqlite = new Sqlite(databasePath, { readonly: true })
  try {
    const messages = sqlite.prepare<[], StoredMessage>(SELECT_MESSAGES).all()
    const queuedCount = sqlite.prepare<[], number>(SELECT_QUEUED_COUNT).pluck().get() ?? 0
    return { messages, queuedCount, problems: findProblems(sqlite) }
  } finally {
    sqlite.close()
  }
}

const COUNT_BY_RECEIVER = 'SELECT receiver_id, count(*) FROM messages GROUP BY 1'

const SELECT_MESSAGES = `
  SELECT message_id AS messageId, sender_id AS senderId, receiver_id AS receiverId,
    message_type AS type, message AS body, media_path AS mediaPath, file_size AS fileSize,
    client_message_id AS clientMessageId
  FROM messages
  ORDER BY message_id
`

const SELECT_QUEUED_COUNT = "SELECT seq FROM sqlite_sequence WHERE name = 'pending_events'"

/** Each finds rows that must not be, and says what they are. */
const MUST_BE_EMPTY = {
  'pending event without its message': `
    SELECT event_id, user_id, data FROM pending_events
    WHERE event = 'chat:message' AND NOT EXISTS (
      SELECT 1 FROM messages
      WHERE message_id = data ->> 'message_id' AND message = data ->> 'message'
        AND sender_id = data ->> 'sender_id' AND receiver_id = pending_events.user_id
    )
  `,
  'message with several pending events': `
    SELECT data ->> 'message_id', count(*) FROM pending_events
    WHERE event = 'chat:message'
    GROUP BY 1
    HAVING count(*) > 1
  `,
  'message in a conversation of others': `
    SELECT message_id FROM messages JOIN conversations USING (conversation_id)
    WHERE min(sender_id, receiver_id) <> lower_user_id
      OR max(sender_id, receiver_id) <> higher_user_id
  `,
  'conversation whose last message or unread counts are wrong': `
    SELECT conversations.* FROM conversations LEFT JOIN messages USING (conversation_id)
    GROUP BY conversation_id
    HAVING last_message_id IS NOT max(message_id)
      OR lower_unread_count <> count(*) FILTER (WHERE receiver_id = lower_user_id AND read_at IS NULL)
      OR higher_unread_count <> count(*) FILTER (WHERE receiver_id = higher_user_id AND read_at IS NULL)
  `,
}

function findProblems(sqlite: Sqlite.Database): string[] {
  const wrong = Object.entries(MUST_BE_EMPTY).flatMap(([problem, sql]) => {
    const rows = sqlite.prepare(sql).raw().all()
    return rows.map((row) => `${problem}: ${JSON.stringify(row)}`)
  })
  const integrity = sqlite.pragma('integrity_check', { simple: true })
  if (integrity !== 'ok') wrong.push(`integrity_check: ${integrity}`)
  const violations = sqlite.pragma('foreign_key_check') as unknown[]
  return [...wrong, ...violations.map((row) => `foreign_key_check: ${JSON.stringify(row)}`)]
}
