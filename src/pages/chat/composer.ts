import type { ChatClient } from '../../client/chat-client.ts'
import { element, part, setText } from '../dom.ts'
import { Attachments } from './attachments.ts'
import { notice } from './notices.ts'
import { RecordingBar } from './recording-bar.ts'
import type { Settings } from './settings.ts'

/** The count of characters is shown when fewer than this are left. */
const COUNT_SHOWN_BELOW = 200

/** Where a message is written: text, pictures, or a recording. */
export class Composer {
  readonly #client: ChatClient
  readonly #settings: Settings
  readonly #text = part<HTMLTextAreaElement>('composer-text')
  readonly #attachments: Attachments
  readonly #recording: RecordingBar
  /** Unsent texts by receiver. */
  readonly #drafts = new Map<number, string>()
  #receiverId = 0

  constructor(client: ChatClient, settings: Settings) {
    this.#client = client
    this.#settings = settings
    this.#attachments = new Attachments(settings.image_bytes_max, () => this.#show())
    this.#recording = new RecordingBar((recording) => {
      if (recording.file.size > settings.voice_bytes_max) {
        return notice('This recording is too long to be sent.')
      }
      client.sendVoice(this.#receiverId, recording.file, recording.seconds)
    })
    part('composer').addEventListener('submit', (event) => {
      event.preventDefault()
      this.#send()
    })
    this.#text.addEventListener('keydown', (event) => this.#textOnKeyDown(event))
    this.#text.addEventListener('input', () => this.#textOnInput())
  }

  /** Switches to another conversation; the draft of the last one is kept. */
  open(receiverId: number): void {
    this.#recording.cancel()
    this.#attachments.take()
    this.#drafts.set(this.#receiverId, this.#text.value)
    this.#receiverId = receiverId
    this.#text.value = this.#drafts.get(receiverId) ?? ''
    this.#show()
  }

  focus(): void {
    this.#text.focus()
  }

  #textOnKeyDown(event: KeyboardEvent): void {
    // On a phone Enter makes a new line; while Arabic or Chinese is composed, it ends a word.
    const hasKeyboard = matchMedia('(pointer: fine)').matches
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || !hasKeyboard) return
    event.preventDefault()
    this.#send()
  }

  #textOnInput(): void {
    if (this.#text.value.trim() !== '') this.#client.typing(this.#receiverId)
    this.#show()
  }

  async #send(): Promise<void> {
    const text = this.#text.value.trim()
    if (this.#charactersLeft < 0) return notice('This message is too long to be sent.')
    if (text === '' && this.#attachments.isEmpty) return
    const [first, ...others] = this.#attachments.take()
    this.#text.value = ''
    this.#show()
    this.#text.focus()
    const to = this.#receiverId
    if (first === undefined) await this.#client.sendText(to, text)
    else await this.#client.sendImage(to, first, text)
    for (const file of others) await this.#client.sendImage(to, file)
  }

  /** Counts characters as the server does: an emoji is one. */
  get #charactersLeft(): number {
    return this.#settings.message_length_max - Array.from(this.#text.value).length
  }

  #show(): void {
    const isEmpty = this.#text.value.trim() === '' && this.#attachments.isEmpty
    part('send').hidden = isEmpty
    part('record').hidden = !isEmpty
    const left = this.#charactersLeft
    const counter = part('character-count')
    counter.hidden = left >= COUNT_SHOWN_BELOW
    counter.classList.toggle('over', left < 0)
    setText(counter, left < 0 ? `${-left} too many` : `${left} left`)
    this.#grow()
  }

  #grow(): void {
    this.#text.style.height = 'auto'
    this.#text.style.height = `${this.#text.scrollHeight}px`
  }
}

/** Shows a line in place of the composer where one of the two has blocked the other. */
export function showBlocked(state: 'blocked' | 'blocked-by-other' | 'open', name: string): void {
  part('composer').hidden = state !== 'open'
  part('blocked').hidden = state === 'open'
  part('unblock').hidden = state !== 'blocked'
  const who = element('bdi', { textContent: name })
  const text = part('blocked-text')
  if (state === 'blocked') text.replaceChildren('You have blocked ', who, '.')
  if (state === 'blocked-by-other') text.replaceChildren('You cannot write to ', who, '.')
}
