import { type ChangeEvent, type FormEvent, useEffect, useRef, useState } from 'react'
import { type Chat, useChat, useConnectionStatus, useConversations } from './use-chat.ts'
import { useConversation } from './use-conversation.ts'

export interface AppProps {
  userId: number
  name: string
  websocketUrl: string
}

export function App({ userId, name, websocketUrl }: AppProps) {
  const chat = useChat({ userId, name, websocketUrl, apiUrl: new URL('..', location.href).href })
  return chat && <Conversations chat={chat} />
}

function Conversations({ chat }: { chat: Chat }) {
  const conversations = useConversations(chat)
  const status = useConnectionStatus(chat)
  const [otherUserId, setOtherUserId] = useState<number>()
  return (
    <div className="columns">
      <nav aria-label="Conversations">
        <p role="status">{status}</p>
        <NewConversation onOpen={setOtherUserId} />
        <ul>
          {conversations.map(({ other_user, last_message, unread_count, is_online }) => (
            <li key={other_user.user_id}>
              <button
                type="button"
                aria-current={other_user.user_id === otherUserId}
                onClick={() => setOtherUserId(other_user.user_id)}
              >
                <strong dir="auto">{other_user.name}</strong> {is_online && 'online'}{' '}
                {unread_count > 0 && `(${unread_count})`}
                <br />
                <span dir="auto">{last_message.message || last_message.message_type}</span>
              </button>
            </li>
          ))}
        </ul>
      </nav>
      {otherUserId && <Conversation key={otherUserId} chat={chat} otherUserId={otherUserId} />}
    </div>
  )
}

function NewConversation({ onOpen }: { onOpen: (userId: number) => void }) {
  const open = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const userId = Number(new FormData(event.currentTarget).get('user_id'))
    if (userId > 0) onOpen(userId)
  }
  return (
    <form onSubmit={open}>
      <input
        name="user_id"
        inputMode="numeric"
        aria-label="Write to user ID"
        placeholder="User ID"
      />
      <button type="submit">Write</button>
    </form>
  )
}

function Conversation({ chat, otherUserId }: { chat: Chat; otherUserId: number }) {
  const conversation = useConversation(chat, otherUserId)
  const { items, other, isTyping, isOnline, hasOlder, mediaUrl } = conversation
  const [text, setText] = useState('')
  const end = useRef<HTMLDivElement>(null)
  const lastKey = items.at(-1)?.key

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each message that comes
  useEffect(() => {
    end.current?.scrollIntoView()
    conversation.markRead()
  }, [lastKey])

  const write = (event: ChangeEvent<HTMLInputElement>) => {
    setText(event.target.value)
    conversation.typing()
  }
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (text.trim() !== '') conversation.send(text)
    setText('')
  }

  return (
    <section aria-label="Conversation">
      <h2 dir="auto">{other?.name ?? `User ${otherUserId}`}</h2>
      <p role="status">{isTyping ? 'typing…' : isOnline ? 'online' : 'offline'}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <section className="messages" aria-label="Messages" tabIndex={0}>
        {hasOlder && (
          <button type="button" onClick={conversation.loadOlder}>
            Older messages
          </button>
        )}
        <ol>
          {items.map(({ key, isMine, type, text, message, status }) => (
            <li key={key} className={isMine ? 'mine' : 'theirs'}>
              {type === 'image' && message && <img src={mediaUrl(message)} alt={text || 'Image'} />}
              {/* biome-ignore lint/a11y/useMediaCaption: nobody has written down what was said */}
              {type === 'voice' && message && <audio src={mediaUrl(message)} controls />}
              {text && <p dir="auto">{text}</p>}
              {isMine && <small>{status}</small>}
            </li>
          ))}
        </ol>
        <div ref={end} />
      </section>
      <form onSubmit={send}>
        <input value={text} onChange={write} aria-label="Message" dir="auto" autoComplete="off" />
        <button type="submit">Send</button>
      </form>
    </section>
  )
}
