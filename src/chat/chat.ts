import { isSameProcess } from '../process-identity.ts'
import type { Database } from '../sqlite/database.ts'
import { Blocks } from './blocks.ts'
import { Clock } from './clock.ts'
import { Connections } from './connections.ts'
import { Contract } from './contract.ts'
import { Conversations } from './conversations.ts'
import { Daemons } from './daemons.ts'
import { Events } from './events.ts'
import { Messages } from './messages.ts'
import { Missed } from './missed.ts'
import { Receipts } from './receipts.ts'
import { Users } from './users.ts'
import { Watch } from './watch.ts'

/** The product: everything that both processes do with the database. */
export interface Chat {
  clock: Clock
  contract: Contract
  users: Users
  blocks: Blocks
  connections: Connections
  conversations: Conversations
  messages: Messages
  missed: Missed
  receipts: Receipts
  events: Events
  daemons: Daemons
  watch: Watch
}

export interface ChatOptions {
  /** Prefix of media and profile URLs, with no slash at its end. */
  publicUrl: string
  /** IANA name of the time zone that times are shown in. */
  timezone: string
  /** Characters. */
  messageLengthMax: number
  /** Whether a message is also sent to the sender's own devices. */
  echoesToSender: boolean
  now?: () => Date
}

export function createChat(database: Database, options: ChatOptions): Chat {
  const clock = new Clock(options.timezone, options.now)
  const contract = new Contract(options.publicUrl, clock)
  const users = new Users(database)
  const blocks = new Blocks(database, users, clock)
  const conversations = new Conversations(database)
  const events = new Events(database)
  const daemons = new Daemons(database, clock, isSameProcess)
  const { messageLengthMax, echoesToSender } = options
  const rules = { messageLengthMax, echoesToSender }
  const parts = { database, users, blocks, conversations, events, contract, clock, ...rules }
  return {
    clock,
    contract,
    users,
    blocks,
    connections: new Connections(database, clock),
    conversations,
    events,
    messages: new Messages(parts),
    missed: new Missed(database, events, options.echoesToSender),
    receipts: new Receipts(parts),
    daemons,
    watch: new Watch(database, { daemons, events, clock }),
  }
}
