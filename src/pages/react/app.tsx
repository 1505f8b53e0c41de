import { type FormEvent, useEffect, useRef, useState } from 'react'
import { type Chat, useChat, useConnectionStatus, useConversations } from './use-chat.ts'
import { useConversation } from './use-conversation.ts'

interface Props<OtherUserId> {
  chat: Chat
  otherUserId: OtherUserId
  open: (otherUserId: number | undefined) => void
}

const ICONS = { queued: 'clock', sending: 'clock', failed: 'alert', sent: 'check', read: 'checks' }

export function App(user: { userId: number; name: string; websocketUrl: string }) {
  const chat = useChat({ ...user, apiUrl: new URL('..', location.href).href })
  const [otherUserId, open] = useState<number>()
  return (
    <main className={otherUserId ? 'chat has-thread' : 'chat'}>
      <h1 className="spoken">Chat in React</h1>
      {chat && <Conversations chat={chat} otherUserId={otherUserId} open={open} />}
      {chat && otherUserId && (
        <Conversation key={otherUserId} chat={chat} otherUserId={otherUserId} open={open} />
      )}
    </main>
  )
}

function Conversations({ chat, otherUserId, open }: Props<number | undefined>) {
  const conversations = useConversations(chat)
  const status = useConnectionStatus(chat)
  const write = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const userId = Number(new FormData(event.currentTarget).get('user_id'))
    if (userId > 0) open(userId)
  }
  return (
    <nav className="sidebar" aria-label="Conversations">
      <form className="bar" onSubmit={write}>
        <input name="user_id" inputMode="numeric" aria-label="User ID" placeholder="User ID" />
        <button type="submit" className="icon-button accent">
          <Icon name="new" label="Write" />
        </button>
        <span className={`subtitle ${status}`} role="status">
          {status}
        </span>
      </form>
      <ul className="scroller conversations">
        {conversations.map(({ other_user: other, last_message: last, is_online, unread_count }) => (
          <li key={other.user_id}>
            <button
              type="button"
              className="conversation"
              aria-current={other.user_id === otherUserId || undefined}
              onClick={() => open(other.user_id)}
            >
              <span className="presence">
                <Avatar userId={other.user_id} name={other.name} />
                {is_online && <span className="dot" role="img" aria-label="online" />}
              </span>
              <span className="first-line">
                <bdi className="name">{other.name}</bdi>
                <time>{last.created_at.slice(11, 16)}</time>
              </span>
              <span className={unread_count > 0 ? 'second-line unread' : 'second-line'}>
                <bdi className="preview">{last.message || last.message_type}</bdi>
                {unread_count > 0 && <b className="badge">{unread_count}</b>}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </nav>
  )
}

function Conversation({ chat, otherUserId, open }: Props<number>) {
  const conversation = useConversation(chat, otherUserId)
  const { items, other, isTyping, isOnline, hasOlder, mediaUrl } = conversation
  const name = other?.name ?? `User ${otherUserId}`
  const list = useRef<HTMLOListElement>(null)
  const lastKey = items.at(-1)?.key

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each message that comes
  useEffect(() => {
    list.current?.lastElementChild?.scrollIntoView()
    conversation.markRead()
  }, [lastKey])

  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const text = String(new FormData(event.currentTarget).get('text'))
    if (text.trim() !== '') conversation.send(text)
    event.currentTarget.reset()
  }

  return (
    <section className="thread" aria-label={`Conversation with ${name}`}>
      <header className="bar">
        <button type="button" className="icon-button back" onClick={() => open(undefined)}>
          <Icon name="back" label="Back" />
        </button>
        <Avatar userId={otherUserId} name={name} />
        <div className="who">
          <bdi className="name">{name}</bdi>
          <span className={isOnline ? 'subtitle online' : 'subtitle'} role="status">
            {isTyping ? 'typing…' : isOnline ? 'online' : 'offline'}
          </span>
        </div>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <section className="scroller messages" aria-label="Messages" tabIndex={0}>
        <button type="button" hidden={!hasOlder} onClick={conversation.loadOlder}>
          Older messages
        </button>
        <ol className="message-list" ref={list}>
          {items.map(({ key, isMine, type, text, message, status }) => (
            <li key={key} className={`message ${isMine ? 'mine' : 'theirs'}`}>
              <div className={`bubble of-${type}`}>
                {type === 'image' && message && (
                  <a className="photo" href={mediaUrl(message)}>
                    <img src={mediaUrl(message)} alt={text || 'Image'} />
                  </a>
                )}
                {/* biome-ignore lint/a11y/useMediaCaption: nobody has written down what was said */}
                {type === 'voice' && message && <audio src={mediaUrl(message)} controls />}
                {text && <bdi className="text">{text}</bdi>}
                <span className="meta">
                  {message?.created_at.slice(11, 16)}
                  {isMine && (
                    <span className="status" data-status={status}>
                      <Icon name={ICONS[status]} label={status} />
                    </span>
                  )}
                </span>
              </div>
            </li>
          ))}
        </ol>
      </section>
      <form className="composer line" autoComplete="off" onSubmit={send}>
        <div className="field">
          <input name="text" placeholder="Message" dir="auto" onChange={conversation.typing} />
        </div>
        <button type="submit" className="icon-button accent">
          <Icon name="send" label="Send" />
        </button>
      </form>
    </section>
  )
}

function Avatar({ userId, name }: { userId: number; name: string }) {
  return (
    <span className={`avatar colour-${userId % 8}`} aria-hidden="true">
      {name.trim().at(0)?.toUpperCase()}
    </span>
  )
}

function Icon({ name, label }: { name: string; label: string }) {
  return (
    <svg className="icon flips" role="img" aria-label={label}>
      <use href={`../icons.svg#${name}`} />
    </svg>
  )
}
