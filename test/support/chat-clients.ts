import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import {
  ChatClient,
  type ChatClientOptions,
  type ChatEvents,
  MemoryStorage,
} from '../../src/client/chat-client.ts'
import { waitFor } from './wait.ts'

/** In a hurry, and never by chance. */
export const QUICK_BACKOFF = { baseMs: 20, maxMs: 100, random: () => 1 }

/** A client as a program under Node 20 makes it; it is disconnected when the test is over. */
export function createClient(
  userId: number,
  chat: { api: { url: string }; daemon: { url: string } },
  options: Partial<ChatClientOptions> = {},
): ChatClient {
  const client = new ChatClient({
    userId,
    apiUrl: chat.api.url,
    websocketUrl: chat.daemon.url,
    WebSocket,
    storage: new MemoryStorage(),
    backoff: QUICK_BACKOFF,
    ...options,
  })
  onTestFinished(() => client.disconnect())
  return client
}

/** Everything that a client tells from now on, by event. */
export function listen<Name extends keyof ChatEvents>(
  client: ChatClient,
  name: Name,
): ChatEvents[Name][] {
  const heard: ChatEvents[Name][] = []
  client.on(name, (payload) => heard.push(structuredClone(payload)))
  return heard
}

export async function online(client: ChatClient): Promise<ChatClient> {
  client.connect()
  await waitFor(() => client.state.status === 'online', 'the client to be online')
  return client
}
