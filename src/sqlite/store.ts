import type { Chat, ChatOptions } from '../chat/chat.ts'
import { Clock } from '../chat/clock.ts'
import { Wire } from '../chat/wire.ts'
import { SqliteBlocks } from './blocks.ts'
import { SqliteConnections } from './connections.ts'
import { SqliteConversations } from './conversations.ts'
import { SqliteDaemons } from './daemons.ts'
import type { Database } from './database.ts'
import { SqliteEvents } from './events.ts'
import { SqliteForgetting } from './forgetting.ts'
import { SqliteImports } from './imports.ts'
import { SqliteMessages } from './messages.ts'
import { SqliteUsers } from './users.ts'
import { SqliteWebhooks } from './webhooks.ts'

/**
 * The chat in one SQLite file. In each of its parts, an asynchronous method is a use case and one
 * transaction; a synchronous one is a step of a transaction, to be called only inside
 * `database.write`.
 */
export class SqliteStore implements Chat {
  readonly clock: Clock
  readonly wire: Wire
  readonly users: SqliteUsers
  readonly blocks: SqliteBlocks
  readonly conversations: SqliteConversations
  readonly messages: SqliteMessages
  readonly events: SqliteEvents
  readonly forgetting: SqliteForgetting
  readonly connections: SqliteConnections
  readonly daemons: SqliteDaemons
  readonly imports: SqliteImports
  readonly webhooks: SqliteWebhooks
  readonly #database: Database

  constructor(database: Database, options: ChatOptions) {
    const clock = new Clock(options.timezone, options.now)
    const wire = new Wire(options.publicUrl, clock)
    const users = new SqliteUsers(database)
    const blocks = new SqliteBlocks(database, users, clock)
    const conversations = new SqliteConversations(database)
    const events = new SqliteEvents(database, wire, clock)
    const { messageLengthMax, echoesToSender, webhookUrl, webhookDelayMs } = options
    const webhooks = new SqliteWebhooks({ database, clock, webhookUrl, webhookDelayMs })
    const parts = { database, users, blocks, conversations, events, webhooks, wire, clock }
    this.#database = database
    this.clock = clock
    this.wire = wire
    this.users = users
    this.blocks = blocks
    this.conversations = conversations
    this.events = events
    this.forgetting = new SqliteForgetting(database, wire)
    this.messages = new SqliteMessages({ ...parts, messageLengthMax, echoesToSender })
    this.connections = new SqliteConnections(parts)
    this.daemons = new SqliteDaemons(database, events, clock)
    this.imports = new SqliteImports(parts)
    this.webhooks = webhooks
  }

  problem(): string | undefined {
    return this.#database.problem()
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}
