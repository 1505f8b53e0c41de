import { ChatClient, Inbox, type Message, type User } from '../../client/chat-client.ts'
import { reasonOf } from '../../client/reason.ts'
import { part, setText } from '../dom.ts'
import { avatar } from './avatar.ts'
import { Banner } from './banner.ts'
import { Composer, showBlocked } from './composer.ts'
import { ConversationList } from './conversation-list.ts'
import { prepareImageViewer } from './image-viewer.ts'
import { MediaFiles } from './media.ts'
import type { MessageActions } from './message-row.ts'
import { prepareNewConversation } from './new-conversation.ts'
import { announce, notice } from './notices.ts'
import { forgetSession, onSignedOutElsewhere, type Session } from './session.ts'
import type { Settings } from './settings.ts'
import { ThreadView } from './thread-view.ts'

/** The chat of one user. The address says which conversation is open: …/#1928800. */
export class App {
  readonly #settings: Settings
  readonly #client: ChatClient
  readonly #inbox: Inbox
  readonly #list: ConversationList
  readonly #composer: Composer
  readonly #actions: MessageActions
  #view: ThreadView | undefined

  constructor(session: Session, settings: Settings) {
    const { userId, name, token } = session
    this.#settings = settings
    this.#client = new ChatClient({
      userId,
      name,
      apiUrl: new URL('.', document.baseURI).href,
      websocketUrl: settings.websocket_url,
      ...(token === undefined ? {} : { token: () => token }),
    })
    const client = this.#client
    this.#inbox = new Inbox(client)
    this.#list = new ConversationList({
      inbox: this.#inbox,
      userId,
      timezone: settings.timezone,
      onOpen: (otherUserId) => this.#open(otherUserId),
    })
    this.#composer = new Composer(client, settings)
    this.#actions = {
      files: new MediaFiles(client, token !== undefined),
      retry: (id) => client.retry(id),
      discard: (id) => {
        client.discard(id)
        this.#composer.focus()
      },
    }
    new Banner(client, signInAgain)
    this.#listen()
    prepareImageViewer()
    prepareNewConversation(userId, (otherUserId) => this.#open(otherUserId))
    this.#loadOwn({ user_id: userId, username: '', name, profile_url: '' })
  }

  start(): void {
    part('chat').hidden = false
    this.#client.connect()
    this.#inbox.load()
    this.#addressChanged()
  }

  #listen(): void {
    window.addEventListener('hashchange', () => this.#addressChanged())
    window.addEventListener('online', () => this.#client.wake())
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#client.wake()
    })
    this.#client.on('message', (message) => this.#announce(message))
    part('back').addEventListener('click', () => {
      location.hash = ''
    })
    part('sign-out').addEventListener('click', () => this.#signOut())
    onSignedOutElsewhere(() => this.#forget())
    const dialog = part<HTMLDialogElement>('block-dialog')
    part('block').addEventListener('click', () => dialog.showModal())
    part('block-cancel').addEventListener('click', () => dialog.close())
    part('block-confirm').addEventListener('click', () => {
      dialog.close()
      this.#setBlocked(true)
    })
    part('unblock').addEventListener('click', () => this.#setBlocked(false))
  }

  #signOut(): void {
    const count = this.#client.unsentCount
    const what = count === 1 ? 'One message is' : `${count} messages are`
    if (count > 0 && !confirm(`${what} not sent yet, and lost if you sign out. Sign out?`)) return
    this.#forget()
  }

  /** Leaves nothing of this user for the next one at this browser. */
  async #forget(): Promise<void> {
    forgetSession()
    await this.#client.signOut()
    reload()
  }

  #open(otherUserId: number): void {
    location.hash = String(otherUserId)
  }

  #addressChanged(): void {
    const otherUserId = Number(location.hash.slice(1))
    const before = this.#view?.thread.otherUserId
    if (before === otherUserId) return
    this.#view?.close()
    this.#view = undefined
    const isOpen = Number.isSafeInteger(otherUserId) && otherUserId > 0
    part('chat').classList.toggle('has-thread', isOpen)
    part('thread').hidden = !isOpen
    part('no-thread').hidden = isOpen
    this.#list.select(isOpen ? otherUserId : undefined)
    if (isOpen) this.#show(otherUserId)
    else this.#list.focus(before)
  }

  #show(otherUserId: number): void {
    const name = `User ${otherUserId}`
    const unknown: User = { user_id: otherUserId, username: '', name, profile_url: '' }
    const view = new ThreadView(this.#inbox.with(otherUserId)?.other_user ?? unknown, {
      client: this.#client,
      timezone: this.#settings.timezone,
      actions: this.#actions,
    })
    this.#view = view
    this.#composer.open(otherUserId)
    view.thread.on('change', () => this.#showBlocked(view))
    this.#showBlocked(view)
    // On a phone the keyboard would come up and hide the messages.
    if (matchMedia('(pointer: fine)').matches) this.#composer.focus()
    else part('thread-name').focus()
  }

  #showBlocked({ thread, otherUser }: ThreadView): void {
    const { is_blocked = false, is_blocked_by_other = false } = thread.status ?? {}
    const byOther = is_blocked_by_other ? 'blocked-by-other' : 'open'
    showBlocked(is_blocked ? 'blocked' : byOther, otherUser.name)
    part('block').hidden = is_blocked
    setText(part('block-name'), otherUser.name)
  }

  async #setBlocked(isBlocked: boolean): Promise<void> {
    const otherUserId = this.#view?.thread.otherUserId
    if (otherUserId === undefined) return
    try {
      if (isBlocked) await this.#client.block(otherUserId)
      else await this.#client.unblock(otherUserId)
      if (isBlocked) part('unblock').focus()
      else this.#composer.focus()
    } catch (error) {
      notice(reasonOf(error))
    }
  }

  #announce(message: Message): void {
    const kinds = { text: '', image: 'an image. ', voice: 'a voice message. ' }
    announce(`${message.sender.name}: ${kinds[message.message_type]}${message.message}`)
  }

  /** The server knows the name of a user who signed in with a token or a cookie. */
  async #loadOwn(user: User): Promise<void> {
    this.#showOwn(user.name === '' ? { ...user, name: `User ${user.user_id}` } : user)
    if (user.name !== '') return
    try {
      this.#showOwn((await this.#client.status(user.user_id)).other_user)
    } catch {
      // The user ID is shown instead.
    }
  }

  #showOwn(user: User): void {
    part('own-avatar').replaceChildren(avatar(user))
    setText(part('own-name'), user.name)
    setText(part('own-id'), `ID ${user.user_id}`)
  }
}

/** The server has ended the session. The outbox stays, and is sent when this user signs in again. */
function signInAgain(): void {
  forgetSession()
  reload()
}

function reload(): void {
  location.hash = ''
  location.reload()
}
