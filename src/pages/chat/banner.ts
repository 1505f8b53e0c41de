import type { ChatClient, ConnectionState } from '../../client/chat-client.ts'
import { part, setText } from '../dom.ts'

/** A restart of the server is over before the banner could be read. */
const PATIENCE_MS = 500
/** While a page connects for the first time, no connection is lost yet. */
const FIRST_PATIENCE_MS = 3_000

/** The line that says that the connection is lost, for how long, and what to do about it. */
export class Banner {
  readonly #client: ChatClient
  readonly #onSignOut: () => void
  #wasOnline = false
  #patience: ReturnType<typeof setTimeout> | undefined
  #countdown: ReturnType<typeof setInterval> | undefined

  constructor(client: ChatClient, onSignOut: () => void) {
    this.#client = client
    this.#onSignOut = onSignOut
    part('banner-action').addEventListener('click', () => this.#act())
    client.on('state', (state) => this.#show(state))
    for (const change of ['online', 'offline'] as const) {
      window.addEventListener(change, () => this.#show(client.state))
    }
  }

  #show(state: ConnectionState): void {
    if (state.status === 'online' || state.status === 'idle') {
      this.#wasOnline ||= state.status === 'online'
      clearTimeout(this.#patience)
      clearInterval(this.#countdown)
      this.#patience = undefined
      part('banner').hidden = true
    } else if (state.status === 'stopped') {
      this.#reveal()
    } else {
      const patienceMs = this.#wasOnline ? PATIENCE_MS : FIRST_PATIENCE_MS
      this.#patience ??= setTimeout(() => this.#reveal(), patienceMs)
      if (!part('banner').hidden) this.#reveal()
    }
  }

  #reveal(): void {
    const { status, reason = '' } = this.#client.state
    const isStopped = status === 'stopped'
    part('banner').hidden = false
    part('banner').classList.toggle('final', isStopped)
    setText(part('banner-text'), isStopped ? `You are signed out. ${reason}` : lostText())
    setText(part('banner-action'), isStopped ? 'Sign in' : 'Try now')
    clearInterval(this.#countdown)
    this.#countDown()
    if (status === 'waiting') this.#countdown = setInterval(() => this.#countDown(), 1_000)
  }

  /** In an element beside the live region: screen readers need not read each second. */
  #countDown(): void {
    const { status, retryAt = 0 } = this.#client.state
    const seconds = Math.max(0, Math.round((retryAt - Date.now()) / 1_000))
    setText(part('banner-countdown'), status === 'waiting' && seconds > 0 ? `in ${seconds} s` : '')
  }

  #act(): void {
    if (this.#client.state.status === 'stopped') this.#onSignOut()
    else this.#client.wake()
  }
}

function lostText(): string {
  return navigator.onLine
    ? 'Connection lost. Reconnecting…'
    : 'You are offline. What you write is sent when you are back.'
}
