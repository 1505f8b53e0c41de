import { type Message, Thread } from 'chat-websocket/client'
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import type { Chat } from './use-chat.ts'

/** What the user and another one write to each other, and what can be done about it. */
export function useConversation({ client }: Chat, otherUserId: number) {
  const thread = useMemo(() => new Thread(client, otherUserId), [client, otherUserId])
  useEffect(() => {
    thread.load()
    return () => thread.close()
  }, [thread])
  useSyncExternalStore(
    (onChange) => thread.on('change', onChange),
    () => thread.version,
  )
  return {
    items: thread.items,
    other: thread.other,
    isTyping: thread.isTyping,
    isOnline: thread.status?.is_online === true,
    hasOlder: thread.hasOlder,
    loadOlder: () => thread.loadOlder(),
    markRead: () => thread.markRead(),
    mediaUrl: (message: Message) => client.mediaUrl(message),
    send: (text: string) => client.sendText(otherUserId, text),
    sendImage: (file: File) => client.sendImage(otherUserId, file),
    typing: () => client.typing(otherUserId),
  }
}
