import type { Chat, ChatOptions } from '../../src/chat/chat.ts'
import type { Draft, Message, NewConnection, NewDaemon, QueuedEvent } from '../../src/chat/model.ts'
import type { EventTail } from '../../src/chat/store.ts'

/** An empty store, opened as both programs do. */
export interface OpenedStore {
  /** As chat-api has it. */
  api: Chat
  /** The same data, as chat-websocket has it. */
  daemon: Chat
}

/** Opens an empty store for the test that runs, and closes it when that is over. */
export type OpenStore = (options?: Partial<ChatOptions>) => Promise<OpenedStore>

/** What every engine promises about something: sentences, and the test of each. */
export type Promises = Record<string, (open: OpenStore) => Promise<void>>

/** A time that a test sets. */
export class TestTime {
  ms = Date.parse('2026-01-23T20:30:45Z')
  readonly now = (): Date => new Date(this.ms)
}

/** A daemon in this process, which lives. */
export const HERE: NewDaemon = {
  hostname: 'here',
  pid: process.pid,
  address: 'ws://127.0.0.1:8089',
}

export async function send(
  chat: Chat,
  senderId: number,
  receiverId: number,
  more: Partial<Draft> = {},
): Promise<Message> {
  return (await chat.messages.post({ senderId, receiverId, message: 'Hello', ...more })).message
}

/** Registers a daemon; returns what connects a user to it, as Connections.connect. */
export async function register(daemon: Chat) {
  const { daemonId } = await daemon.daemons.register(HERE)
  return (userId: number, more: Partial<NewConnection> = {}) =>
    daemon.connections.connect({
      daemonId,
      userId,
      address: '127.0.0.1',
      profile: {},
      ...more,
    })
}

/** Makes users exist, all in one turn. */
export async function addUsers(chat: Chat, userIds: number[]): Promise<void> {
  const connect = await register(chat)
  await Promise.all(userIds.map((userId) => connect(userId)))
}

/** The events that were not read yet, each acknowledged. */
export async function readAll(tail: EventTail, limit = 100): Promise<QueuedEvent[]> {
  const all: QueuedEvent[] = []
  for (;;) {
    const events = await tail.read(limit)
    if (events.length === 0) return all
    for (const event of events) tail.acknowledge(event)
    all.push(...events)
  }
}

/** Queues events of these names, in their order, for everybody. */
export async function queue(chat: Chat, ...events: string[]): Promise<void> {
  await Promise.all(events.map((event) => chat.events.broadcast(event, null, {})))
}

export function names(found: QueuedEvent[]): string[] {
  return found.map(({ event }) => event)
}

/** The events by receiver: between those of two users no order is promised. */
export function byUser(events: QueuedEvent[]): QueuedEvent[] {
  return events.sort((a, b) => (a.userId ?? 0) - (b.userId ?? 0))
}

export function dataOf({ data }: QueuedEvent): Record<string, unknown> {
  return JSON.parse(data ?? 'null')
}

export function idsOf(messages: Pick<Message, 'messageId'>[]): number[] {
  return messages.map(({ messageId }) => messageId)
}

/** From 1 on. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}
