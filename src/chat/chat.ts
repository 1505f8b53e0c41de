import type { Database } from '../database.ts'
import { isSameProcess } from '../process-identity.ts'
import { Clock } from './clock.ts'
import { Contract } from './contract.ts'
import { Conversations } from './conversations.ts'
import { Daemons } from './daemons.ts'
import { Events } from './events.ts'
import { Messages } from './messages.ts'
import { Users } from './users.ts'

/** The product: everything that both processes do with the database. */
export interface Chat {
  clock: Clock
  contract: Contract
  users: Users
  conversations: Conversations
  messages: Messages
  events: Events
  daemons: Daemons
}

export interface ChatOptions {
  /** Prefix of media and profile URLs, with no slash at its end. */
  publicUrl: string
  /** IANA name of the time zone that times are shown in. */
  timezone: string
  /** Characters. */
  messageLengthMax: number
  now?: () => Date
}

export function createChat(database: Database, options: ChatOptions): Chat {
  const clock = new Clock(options.timezone, options.now)
  const contract = new Contract(options.publicUrl, clock)
  const users = new Users(database)
  const conversations = new Conversations(database)
  const events = new Events(database)
  const { messageLengthMax } = options
  const parts = { database, users, conversations, events, contract, clock, messageLengthMax }
  return {
    clock,
    contract,
    users,
    conversations,
    events,
    messages: new Messages(parts),
    daemons: new Daemons(database, clock, isSameProcess),
  }
}
