import { randomUUID } from 'node:crypto'
import type { Chat, ChatOptions } from '../chat/chat.ts'
import { Clock } from '../chat/clock.ts'
import { Wire } from '../chat/wire.ts'
import { MysqlBlocks } from './blocks.ts'
import { MysqlConnections } from './connections.ts'
import { MysqlConversations } from './conversations.ts'
import { MysqlDaemons } from './daemons.ts'
import type { MysqlDatabase } from './database.ts'
import { MysqlEvents } from './events.ts'
import { MysqlForgetting } from './forgetting.ts'
import { MysqlImports } from './imports.ts'
import { MysqlMessages } from './messages.ts'
import { Receipts } from './receipts.ts'
import { Recovery } from './recovery.ts'
import { MysqlUsers } from './users.ts'
import { MysqlWebhooks } from './webhooks.ts'
import { Writes } from './writes.ts'

/** The chat on a MySQL-protocol server: any number of processes on any number of hosts. */
export class MysqlStore implements Chat {
  readonly clock: Clock
  readonly wire: Wire
  readonly users: MysqlUsers
  readonly blocks: MysqlBlocks
  readonly conversations: MysqlConversations
  readonly messages: MysqlMessages
  readonly events: MysqlEvents
  readonly forgetting: MysqlForgetting
  readonly connections: MysqlConnections
  readonly daemons: MysqlDaemons
  readonly imports: MysqlImports
  readonly webhooks: MysqlWebhooks
  readonly #database: MysqlDatabase
  readonly #writes: Writes
  /** Of the claims of this process. */
  readonly #owner = randomUUID()
  #closed: Promise<void> | undefined

  constructor(database: MysqlDatabase, options: ChatOptions) {
    const clock = new Clock(options.timezone, options.now ?? database.now)
    const wire = new Wire(options.publicUrl, clock)
    const { messageLengthMax, echoesToSender, webhookUrl, webhookDelayMs } = options
    const webhooks = { webhookUrl, webhookDelayMs }
    const writes = new Writes({ database, wire, clock, echoesToSender, ...webhooks })
    const parts = { database, writes, wire, clock }
    this.#database = database
    this.#writes = writes
    this.clock = clock
    this.wire = wire
    this.users = new MysqlUsers(database)
    this.blocks = new MysqlBlocks(database, clock)
    this.conversations = new MysqlConversations(database)
    this.events = new MysqlEvents(parts)
    this.forgetting = new MysqlForgetting(database, wire)
    const seqRead = (shard: number) => this.events.seqRead(shard)
    const recovery = new Recovery(database, echoesToSender, seqRead)
    const receipts = new Receipts({ ...parts, conversations: this.conversations })
    this.messages = new MysqlMessages({ ...parts, receipts, recovery, messageLengthMax })
    this.connections = new MysqlConnections(parts)
    this.daemons = new MysqlDaemons(database, clock)
    this.imports = new MysqlImports(database, clock)
    this.webhooks = new MysqlWebhooks({ database, clock })
  }

  problem(): string | undefined {
    return this.#database.problem()
  }

  /**
   * Whether this process is the one to run a job that only one process at a time may run; holds for
   * `seconds`, by the database's clock.
   */
  async claim(job: string, seconds: number): Promise<boolean> {
    const claim = { job, owner: this.#owner, seconds }
    await this.#database.write(
      'INSERT IGNORE INTO claims (job, owner) VALUES (:job, :owner)',
      claim,
    )
    const claimed = await this.#database.write(
      `UPDATE claims SET owner = :owner, expires_at = NOW(3) + INTERVAL :seconds SECOND
      WHERE job = :job AND (owner = :owner OR expires_at <= NOW(3))`,
      claim,
    )
    return claimed === 1
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await Promise.all([this.#writes.drain(), this.connections.drain()])
    await this.#database.close()
  }
}
