import { ChatClient, type ChatClientOptions, Inbox } from 'chat-websocket/client'
import { useEffect, useState, useSyncExternalStore } from 'react'

export interface Chat {
  client: ChatClient
  inbox: Inbox
}

/**
 * A user's chat for as long as the component lives: connected, and connected again.
 * Undefined for the one moment before it is made.
 *
 * @param options are read once for each user
 */
export function useChat(options: ChatClientOptions): Chat | undefined {
  const [chat, setChat] = useState<Chat>()
  // biome-ignore lint/correctness/useExhaustiveDependencies: another user is another chat, no less
  useEffect(() => {
    const client = new ChatClient(options)
    const inbox = new Inbox(client)
    setChat({ client, inbox })
    client.connect()
    inbox.load()
    return () => {
      inbox.close()
      client.disconnect()
    }
  }, [options.userId])
  return chat
}

/** The conversations, the newest first: the component is drawn again whenever they change. */
export function useConversations({ inbox }: Chat) {
  useSyncExternalStore(
    (onChange) => inbox.on('change', onChange),
    () => inbox.version,
  )
  return inbox.conversations
}

/** 'online', 'waiting', 'stopped' … */
export function useConnectionStatus({ client }: Chat) {
  return useSyncExternalStore(
    (onChange) => client.on('state', onChange),
    () => client.state.status,
  )
}
