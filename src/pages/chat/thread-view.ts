import { type ChatClient, Thread, type ThreadItem, type User } from '../../client/chat-client.ts'
import { element, part, setText } from '../dom.ts'
import { avatar } from './avatar.ts'
import { KeyedList } from './keyed-list.ts'
import { createLine, type Line, type MessageActions } from './message-row.ts'
import { dayOf, isSameDay, lastSeen, momentOf } from './times.ts'
import { stopPlaying } from './voice-player.ts'

/** A reader this close to the end of a thread, in pixels, is kept at its end. */
const NEAR_END = 120
/** Older messages are loaded when this much is left above, in pixels. */
const NEAR_START = 600
/** Messages of one person within this time belong together. */
const CONTINUED_MS = 5 * 60_000

export interface ThreadViewParts {
  client: ChatClient
  timezone: string
  actions: MessageActions
}

/** The open conversation: who it is with, and what was written. */
export class ThreadView {
  readonly thread: Thread
  readonly #parts: ThreadViewParts
  readonly #scroller = part('messages')
  readonly #list: KeyedList<Line>
  readonly #fallback: User
  readonly #listeners = new AbortController()
  readonly #resizing = new ResizeObserver(() => this.#isAtEnd && this.#scrollToEnd())
  #isAtEnd = true
  /** The scrollTop that #isAtEnd was worked out from. */
  #seenTop = 0
  #isDrawing = false
  #lastKey: string | undefined
  #shownUser = ''

  constructor(otherUser: User, parts: ThreadViewParts) {
    this.#parts = parts
    this.#fallback = otherUser
    this.thread = new Thread(parts.client, otherUser.user_id)
    const container = part('message-list')
    container.replaceChildren()
    this.#list = new KeyedList(
      container,
      ({ key }) => key,
      (line) => createLine(line, parts.actions),
    )
    const { signal } = this.#listeners
    this.thread.on('change', () => this.#threadOnChange())
    this.#scroller.addEventListener('scroll', () => this.#scrolled(), { signal })
    document.addEventListener('visibilitychange', () => this.#markRead(), { signal })
    part('to-end').addEventListener('click', () => this.#scrollToEnd(), { signal })
    part('thread-retry').addEventListener('click', () => this.thread.load(), { signal })
    // The window grew or shrank (a keyboard came up, the composer grew): the end stays in view.
    this.#resizing.observe(this.#scroller)
    this.#draw()
    this.thread.load()
  }

  get otherUser(): User {
    return this.thread.other ?? this.#fallback
  }

  close(): void {
    stopPlaying()
    this.#listeners.abort()
    this.#resizing.disconnect()
    this.thread.close()
  }

  /** Draws once for all changes of this turn. */
  #threadOnChange(): void {
    if (this.#isDrawing) return
    this.#isDrawing = true
    queueMicrotask(() => {
      this.#isDrawing = false
      if (!this.#listeners.signal.aborted) this.#draw()
    })
  }

  #draw(): void {
    const { items } = this.thread
    // The reader may have scrolled just now: the scroll event comes only with the next frame.
    if (this.#scroller.scrollTop !== this.#seenTop) this.#look()
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop
    const last = items.at(-1)
    const isNew = last !== undefined && last.key !== this.#lastKey
    this.#lastKey = last?.key
    this.#list.show(this.#lines(items))
    this.#drawHeader()
    this.#drawEmpty(items)
    if (this.#isAtEnd || (isNew && last.isMine)) {
      this.#scrollToEnd()
    } else if (!isNew) {
      // Older messages were added above: what the reader sees stays where it is.
      this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd
    }
    part('to-end').hidden = this.#isAtEnd
    this.#loadOlder()
    this.#markRead()
  }

  #lines(items: ThreadItem[]): Line[] {
    const lines: Line[] = []
    let before: { moment: Date; isMine: boolean } | undefined
    for (const item of items) {
      const moment = this.#momentOf(item)
      const isNewDay = before === undefined || !isSameDay(before.moment, moment)
      if (isNewDay) {
        lines.push({ kind: 'day', key: `day ${moment.toDateString()}`, day: dayOf(moment) })
      }
      const isContinued =
        !isNewDay &&
        before?.isMine === item.isMine &&
        moment.getTime() - before.moment.getTime() < CONTINUED_MS
      const senderName = item.isMine ? 'You' : this.otherUser.name
      lines.push({ kind: 'message', key: item.key, item, moment, senderName, isContinued })
      before = { moment, isMine: item.isMine }
    }
    return lines
  }

  #momentOf({ message, outgoing }: ThreadItem): Date {
    if (message !== undefined) return momentOf(message.created_at, this.#parts.timezone)
    return new Date(outgoing?.written_at ?? Date.now())
  }

  #drawHeader(): void {
    const user = this.otherUser
    const identity = JSON.stringify(user)
    if (identity !== this.#shownUser) {
      this.#shownUser = identity
      part('thread-avatar').replaceChildren(avatar(user))
      setText(part('thread-name'), user.name)
      this.#scroller.setAttribute('aria-label', `Messages with ${user.name}`)
    }
    const subtitle = part('thread-subtitle')
    subtitle.classList.toggle('online', this.thread.status?.is_online === true)
    setText(subtitle, this.#subtitle())
    part('typing').hidden = !this.thread.isTyping
    setText(part('typing-text'), this.thread.isTyping ? `${user.name} is typing…` : '')
  }

  #subtitle(): string {
    const { status } = this.thread
    if (status === undefined || status.is_blocked || status.is_blocked_by_other) return ''
    if (status.is_online) return 'online'
    if (status.last_seen_at === null) return ''
    return lastSeen(momentOf(status.last_seen_at, this.#parts.timezone))
  }

  #drawEmpty(items: ThreadItem[]): void {
    const { isLoaded, error, isLoadingOlder } = this.thread
    const isEmpty = items.length === 0
    part('thread-loading').hidden = !(isLoadingOlder || (isEmpty && !isLoaded && !error))
    part('thread-empty').hidden = !(isEmpty && isLoaded)
    part('thread-error').hidden = error === undefined
    setText(part('thread-error-text'), error ?? '')
    const name = element('bdi', { textContent: this.otherUser.name })
    if (!part('thread-empty').hidden) part('thread-empty-name').replaceChildren(name)
  }

  /** Also called where one page of messages does not fill the window, which then cannot scroll. */
  #loadOlder(): void {
    const { error } = this.thread
    if (error === undefined && this.#scroller.scrollTop < NEAR_START) this.thread.loadOlder()
  }

  #scrolled(): void {
    this.#look()
    part('to-end').hidden = this.#isAtEnd
    this.#loadOlder()
    this.#markRead()
  }

  #look(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller
    this.#seenTop = scrollTop
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END
  }

  #scrollToEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight
    this.#seenTop = this.#scroller.scrollTop
    this.#isAtEnd = true
  }

  #markRead(): void {
    if (document.visibilityState === 'visible' && this.#isAtEnd) this.thread.markRead()
  }
}
