import type { Conversation, Inbox, Message } from '../../client/chat-client.ts'
import { element, icon, part, setText, spoken } from '../dom.ts'
import { avatar } from './avatar.ts'
import { KeyedList, type Row } from './keyed-list.ts'
import { briefly, momentOf } from './times.ts'

export interface ConversationListParts {
  inbox: Inbox
  userId: number
  timezone: string
  onOpen: (otherUserId: number) => void
}

const KINDS: Record<Message['message_type'], [string, string] | undefined> = {
  text: undefined,
  image: ['image', 'Photo'],
  voice: ['mic', 'Voice message'],
}
const COUNT_SHOWN_MAX = 99

/** The conversations, the newest first: who, what was said last, and how much of it is unread. */
export class ConversationList {
  readonly #parts: ConversationListParts
  readonly #list: KeyedList<Conversation>
  #openUserId: number | undefined

  constructor(parts: ConversationListParts) {
    this.#parts = parts
    const container = part('conversations')
    this.#list = new KeyedList(
      container,
      ({ other_user_id }) => String(other_user_id),
      (conversation) => this.#create(conversation),
    )
    parts.inbox.on('change', () => this.#draw())
    container.addEventListener('keydown', moveFocus)
    part('conversations-retry').addEventListener('click', () => parts.inbox.load())
    const scroller = part('conversations-scroller')
    scroller.addEventListener('scroll', () => {
      const left = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight
      if (left < scroller.clientHeight) parts.inbox.loadMore().catch(() => {})
    })
    this.#draw()
  }

  /** Marks the conversation that is open. */
  select(otherUserId: number | undefined): void {
    this.#openUserId = otherUserId
    this.#draw()
  }

  focus(otherUserId: number | undefined): void {
    const button = document.querySelector<HTMLElement>(`[data-user="${otherUserId}"]`)
    ;(button ?? part('new-conversation')).focus()
  }

  #draw(): void {
    const { conversations, isLoaded, error, unreadCount } = this.#parts.inbox
    this.#list.show(conversations)
    part('conversations-loading').hidden = isLoaded || error !== undefined
    part('conversations-empty').hidden = !isLoaded || conversations.length > 0
    part('conversations-error').hidden = error === undefined
    setText(part('conversations-error-text'), error ?? '')
    document.title = unreadCount > 0 ? `(${unreadCount}) Chat` : 'Chat'
  }

  #create(conversation: Conversation): Row<Conversation> {
    const button = element('button', { type: 'button', className: 'conversation' })
    button.dataset.user = String(conversation.other_user_id)
    button.addEventListener('click', () => this.#parts.onOpen(conversation.other_user_id))
    let shown = ''
    const update = (changed: Conversation) => {
      const isOpen = changed.other_user_id === this.#openUserId
      if (isOpen) button.setAttribute('aria-current', 'true')
      else button.removeAttribute('aria-current')
      const state = JSON.stringify([changed, new Date().toDateString()])
      if (state === shown) return
      shown = state
      button.replaceChildren(...this.#content(changed))
    }
    update(conversation)
    return { element: element('li', {}, {}, button), update }
  }

  #content(conversation: Conversation): HTMLElement[] {
    const { other_user, unread_count, is_online, last_message } = conversation
    const picture = element('span', { className: 'presence' }, {}, avatar(other_user))
    if (is_online) picture.append(element('span', { className: 'dot' }), spoken('online'))
    const moment = momentOf(last_message.created_at, this.#parts.timezone)
    const time = element('time', { dateTime: moment.toISOString(), textContent: briefly(moment) })
    const name = element('span', { className: 'name', dir: 'auto', textContent: other_user.name })
    const count = unread_count > COUNT_SHOWN_MAX ? `${COUNT_SHOWN_MAX}+` : String(unread_count)
    const badge = element('span', { className: 'badge' }, {}, count, spoken(' unread'))
    return [
      picture,
      element('span', { className: 'first-line' }, {}, name, time),
      element(
        'span',
        { className: `second-line${unread_count > 0 ? ' unread' : ''}` },
        {},
        this.#preview(conversation),
        unread_count > 0 && badge,
      ),
    ]
  }

  #preview({ last_message }: Conversation): HTMLElement {
    const preview = element('span', { className: 'preview', dir: 'auto' })
    if (last_message.sender_id === this.#parts.userId) preview.append('You: ')
    const kind = KINDS[last_message.message_type]
    if (kind !== undefined) preview.append(icon(kind[0]))
    preview.append(last_message.message || kind?.[1] || '')
    return preview
  }
}

/** Arrow keys go from one conversation to the next. */
function moveFocus(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (step === undefined) return
  const buttons = [...document.querySelectorAll<HTMLElement>('.conversation')]
  const at = buttons.indexOf(document.activeElement as HTMLElement)
  buttons[at + step]?.focus()
  event.preventDefault()
}
